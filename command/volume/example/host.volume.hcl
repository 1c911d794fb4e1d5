# A directory on one node, made by the node.
name      = "data"
type      = "host"
plugin_id = "mkdir"

# Where it may be: a node pool, one node, or nodes that meet constraints.
# node_pool = "default"
# node_id   = "00000000-0000-0000-0000-000000000000"
# constraint {
#   attribute = "${attr.kernel.name}"
#   value     = "linux"
# }

# How large it is at least and at most, for plugins that mind.
# capacity_min = "1GiB"
# capacity_max = "10GiB"

# How jobs may use it: single-node-reader-only, single-node-writer,
# single-node-single-writer or single-node-multi-writer.
capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}

# For the plugin. mkdir knows mode, uid and gid.
parameters {
  mode = "0700"
}
