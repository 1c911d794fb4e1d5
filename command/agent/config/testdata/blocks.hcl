consul { address = "127.0.0.1:8500" token = "x" }
consul { name = "other" anything = "goes" }
vault { enabled = true }
keyring "awskms" { active = true region = "r" }
client {
  host_network "public" { cidr = "203.0.113.0/24" reserved_ports = "22" }
  fingerprint "env_aws" { retry_interval = "2s" }
  drain_on_shutdown { deadline = "10m" }
  template { function_denylist = ["plugin"] }
}
