# One instance on every node that runs Linux, now and later: what watches disks.

job "system" {
  type     = "system"
  priority = 80

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  group "disk" {
    update {
      min_healthy_time = "1s"
    }

    task "watch" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["${NOMAD_TASK_DIR}/watch.sh"]
      }

      # A new limit wakes the task with a signal instead of a restart.
      template {
        destination   = "local/watch.sh"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        data          = <<-EOT
          limit=90
          trap '' HUP
          while :; do
            df -P / | awk -v limit=$limit 'NR > 1 && $5 + 0 > limit {print $6 " is " $5 " full"}'
            sleep 30 &
            wait $! # which, unlike sleep, a signal ends at once
          done
        EOT
      }

      resources {
        cpu    = 20
        memory = 16
      }

      logs {
        max_files     = 2
        max_file_size = 1
      }
    }
  }
}
