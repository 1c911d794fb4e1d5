# Work that is done once: four parts in parallel, each of which is tried again
# when it fails, after a task that prepares and before one that tidies up.

job "batch" {
  type = "batch"

  group "part" {
    count = 4

    restart {
      attempts = 2
      delay    = "5s"
      mode     = "fail"
    }

    reschedule {
      attempts       = 3
      interval       = "1h"
      delay          = "10s"
      delay_function = "exponential"
      max_delay      = "5m"
      unlimited      = false
    }

    task "prepare" {
      driver = "raw_exec"

      lifecycle {
        hook = "prestart"
      }

      config {
        command = "/bin/sh"
        args    = ["-c", "seq 1 1000 >$NOMAD_ALLOC_DIR/data/numbers"]
      }

      resources {
        cpu    = 20
        memory = 16
      }
    }

    task "sum" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo part $NOMAD_ALLOC_INDEX: $(awk '{s += $1} END {print s}' $NOMAD_ALLOC_DIR/data/numbers)"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }

    task "tidy" {
      driver = "raw_exec"

      lifecycle {
        hook = "poststop"
      }

      config {
        command = "/bin/sh"
        args    = ["-c", "rm -f $NOMAD_ALLOC_DIR/data/numbers"]
      }

      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
