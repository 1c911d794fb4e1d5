# A job that is called like a function: every dispatch is a run of its own.
#
#   nomadlike job run examples/parameterized.hcl
#   echo some text | nomadlike job dispatch -meta name=note count -

job "count" {
  type = "batch"

  parameterized {
    payload       = "required"
    meta_required = ["name"]
    meta_optional = ["unit"]
  }

  meta {
    unit = "c"
  }

  group "count" {
    task "wc" {
      driver = "raw_exec"

      dispatch_payload {
        file = "input"
      }

      config {
        command = "/bin/sh"
        args    = ["-c", "echo \"$NOMAD_META_NAME: $(wc -$NOMAD_META_UNIT <$NOMAD_TASK_DIR/input)\""]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
