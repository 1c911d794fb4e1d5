# Two groups that reach each other through the service mesh: each has a sidecar
# proxy, and only the proxies talk over the network.
job "countdash" {

  # The API: it listens inside of its own network only.
  group "api" {
    network {
      # A network of the group's own, joined to the node's by a bridge.
      mode = "bridge"
    }

    service {
      name = "count-api"

      # The port the task listens on, inside of the group's network.
      port = "9001"

      # Run a proxy beside the task that others reach it through.
      connect {
        sidecar_service {}
      }
    }

    task "web" {
      driver = "docker"

      config {
        image = "hashicorpdev/counter-api:v3"
      }
    }
  }

  # The dashboard: people reach it on a port of the node, and it reaches the API
  # through its proxy.
  group "dashboard" {
    network {
      mode = "bridge"

      port "http" {
        static = 9002
        to     = 9002
      }
    }

    service {
      name = "count-dashboard"
      port = "http"

      connect {
        sidecar_service {
          proxy {
            # The API answers on port 8080 of the group's own network.
            upstreams {
              destination_name = "count-api"
              local_bind_port  = 8080
            }
          }
        }
      }
    }

    task "dashboard" {
      driver = "docker"

      # The address of the upstream is in the environment.
      env {
        COUNTING_SERVICE_URL = "http://${NOMAD_UPSTREAM_ADDR_count_api}"
      }

      config {
        image = "hashicorpdev/counter-dashboard:v3"
      }
    }
  }
}
