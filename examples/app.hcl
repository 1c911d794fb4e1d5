# A web service of two instances, which make demo runs. On an agent of yours:
#
#   go build -o /usr/local/bin/hello ./examples/hello
#   nomadlike job run -var program=/usr/local/bin/hello examples/app.hcl

variable "program" {
  description = "Path of the program built from examples/hello."
  type        = string
}

variable "greeting" {
  description = "What the service says."
  type        = string
  default     = "Hello"
}

job "app" {
  type = "service"

  group "web" {
    count = 2

    # Requests stop coming before the process does.
    shutdown_delay = "1s"

    network {
      port "http" {}
    }

    # Ask for the addresses with: nomadlike service info hello
    service {
      name     = "hello"
      port     = "http"
      provider = "nomad"
      tags     = ["demo"]

      check {
        name     = "answers"
        type     = "http"
        path     = "/health"
        interval = "2s"
        timeout  = "1s"
      }
    }

    # One instance after the other is replaced, and put back if it fails.
    update {
      max_parallel     = 1
      health_check     = "checks"
      min_healthy_time = "1s"
      healthy_deadline = "1m"
      auto_revert      = true
    }

    restart {
      attempts = 3
      interval = "1m"
      delay    = "1s"
      mode     = "fail"
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = var.program
      }

      env {
        GREETING = var.greeting
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
