# A volume of a storage system, used through its CSI plugin.
id          = "data"
name        = "data"
type        = "csi"
plugin_id   = "plugin"
external_id = "vol-0123456789" # what the storage calls it

# How jobs may use it: single-node-reader-only, single-node-writer,
# multi-node-reader-only, multi-node-single-writer or multi-node-multi-writer.
capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}

# mount_options {
#   fs_type     = "ext4"
#   mount_flags = ["noatime"]
# }

# Where it can be reached from.
# topology_request {
#   required {
#     topology {
#       segments {
#         zone = "a"
#       }
#     }
#   }
# }
