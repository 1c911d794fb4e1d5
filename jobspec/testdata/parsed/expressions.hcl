  variable "ports" {
    type    = list(number)
    default = [8080, 9090]
  }
  variable "size" {
    type = object({ cpu = number, memory = number })
    default = { cpu = 120, memory = 64 }
  }
  locals {
    name  = join("-", ["web", lower("BLUE")])
    ports = { for p in var.ports : "p${p + 0}" => p }
    big   = var.size.memory > 32 ? "yes" : "no"
  }
  job "expressions" {
    meta {
      name   = local.name
      big    = local.big
      json   = jsonencode({ a = [1, 2], b = null })
      sum    = format("%04d", length(var.ports) + 40)
      upper  = "${upper("abc")}-${trimspace("  x ")}"
      first  = element(split(",", "one,two"), 0)
      base64 = base64encode("hello")
      regex  = regex_replace("aXb", "X", "-")
      merged = join(",", keys(merge({ a = 1 }, { b = 2 })))
      attr   = "${attr.kernel.name}"
      when   = "${local.big == "yes" ? "large" : "small"}"
    }
    group "g" {
      network {
        dynamic "port" {
          for_each = local.ports
          labels   = [port.key]
          content {
            static = port.value
          }
        }
      }
      task "t" {
        driver = "raw_exec"
        config {
          command = "/bin/echo"
          args = [for i in range(3) : "n${i + 1}"]
        }
        resources {
          cpu    = var.size.cpu
          memory = var.size.memory
        }
        template {
          destination = "local/a"
          data        = <<-EOT
            first
              second {{ env "NOMAD_ALLOC_ID" }}
          EOT
        }
      }
    }
  }
