# Work by the clock: on working days at half past seven, and again at noon. A run
# that is still busy is not overtaken by the next.
#
#   nomadlike job periodic force periodic     runs it at once

job "periodic" {
  type = "batch"

  periodic {
    crons            = ["30 7 * * 1-5", "0 12 * * 1-5"]
    time_zone        = "Europe/Berlin"
    prohibit_overlap = true
  }

  group "report" {
    task "report" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo \"report of $(date)\"; uptime"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
