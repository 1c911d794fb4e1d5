# A job is what you want to run: one or more groups of tasks. The scheduler
# finds nodes for it and keeps it as this file says.
job "example" {

  # The kind of work: "service" (default) runs until it is stopped, "batch" until
  # it is done, "system" on every node, "sysbatch" once on every node.
  type = "service"

  # Where to run. The default is any datacenter of the region.
  # datacenters = ["dc1"]

  # Work with a higher priority is placed first: 1 to 100.
  # priority = 50

  # How allocations are replaced when the job changes. A new one must be healthy
  # for a while before the next one is replaced.
  update {
    max_parallel     = 1
    min_healthy_time = "10s"
    healthy_deadline = "3m"

    # Go back to the last version that was healthy when this one is not.
    auto_revert = false

    # Try the new version in this many allocations beside the old ones first;
    # "job promote" then replaces the rest.
    canary = 0
  }

  # A group is a set of tasks that run together on one node.
  group "cache" {

    # How many copies of the group to run.
    count = 1

    # Ports are chosen when the group is placed. "to" is the port inside of the
    # container; "static" would ask for a certain port of the node.
    network {
      port "db" {
        to = 6379
      }
    }

    # Other jobs find the group under this name.
    service {
      name     = "redis-cache"
      tags     = ["global", "cache"]
      port     = "db"
      provider = "nomad"

      # check {
      #   name     = "alive"
      #   type     = "tcp"
      #   interval = "10s"
      #   timeout  = "2s"
      # }
    }

    # How often a task that fails is started again on its node.
    restart {
      attempts = 2
      interval = "30m"
      delay    = "15s"

      # "fail" gives the allocation up after that, so that it is replaced on
      # another node; "delay" waits for the next interval.
      mode = "fail"
    }

    # Disk that the tasks share, in MB.
    ephemeral_disk {
      size = 300
    }

    # A task is one program.
    task "redis" {

      # Who runs it: docker, containerd, exec, raw_exec, ...
      driver = "docker"

      # What the driver needs to know. Each driver has its own settings.
      config {
        image          = "redis:7"
        ports          = ["db"]
        auth_soft_fail = true
      }

      # The task may prove who it is with a token, in NOMAD_TOKEN and in a file.
      identity {
        env  = true
        file = true
      }

      # Files to fetch before the task starts.
      # artifact {
      #   source = "https://example.com/file.tar.gz"
      # }

      # Files to write from a template, here with a setting of the environment.
      # template {
      #   data        = "KEY={{ key \"service/my-key\" }}"
      #   destination = "local/file.env"
      #   env         = true
      # }

      # How much the task may use: MHz of CPU and MB of memory.
      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
