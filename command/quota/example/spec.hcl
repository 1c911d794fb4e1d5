name        = "default-quota"
description = "Limit the shared default namespace"

# What may be used in a region. There can be one limit for each region; only the
# one of the region that a job runs in holds there. In every limit 0 allows any
# amount and -1 allows nothing.
limit {
  region = "global"

  region_limit {
    cpu        = 2500 # MHz
    cores      = 0    # reserved cores
    memory     = 1000 # MB
    memory_max = 1000 # MB

    device "nvidia/gpu/1080ti" {
      count = 1
    }

    storage {
      variables = 1000 # MB
    }

    # What may be used of it on the nodes of a pool.
    #
    # node_pool "gpu" {
    #   cpu    = 1000
    #   memory = 500
    # }
  }
}
