# A web server in a container, reachable on a port of the host.

variable "image" {
  type    = string
  default = "nginx:1.29-alpine"
}

job "docker" {
  type = "service"

  group "web" {
    count          = 1
    shutdown_delay = "2s"

    network {
      port "http" {
        to = 80
      }
    }

    service {
      name     = "web"
      port     = "http"
      provider = "nomad"

      check {
        type     = "http"
        path     = "/"
        interval = "5s"
        timeout  = "2s"
      }
    }

    # A canary of each new version; nomadlike job promote lets it replace the rest.
    update {
      canary           = 1
      max_parallel     = 1
      min_healthy_time = "5s"
      auto_revert      = true
    }

    task "nginx" {
      driver = "docker"

      config {
        image = var.image
        ports = ["http"]

        mount {
          type     = "bind"
          source   = "local"
          target   = "/usr/share/nginx/html"
          readonly = true
        }
      }

      template {
        destination = "local/index.html"
        data        = "<h1>Hello from {{ env \"NOMAD_ALLOC_NAME\" }}</h1>\n"
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
