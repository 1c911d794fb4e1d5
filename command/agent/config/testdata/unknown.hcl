regoin = "x"
server {
  enabled = true
  bootstrap_expct = 3
}
client {
  colour = "blue"
  gc_interval = "soon"
  gc_max_allocs = "many"
}
plugin "docker" {
  konfig { a = 1 }
}
ports = 12
