node_pool "example" {
  description = "Example node pool"

  # Names and values for people and tools; the scheduler does not look at them.
  meta {
    environment = "test"
    owner       = "sre"
  }

  # Where the jobs of this pool are scheduled otherwise than in the rest of the
  # cluster. Leave out what shall be the same.
  #
  # scheduler_config {
  #   scheduler_algorithm             = "spread"
  #   memory_oversubscription_enabled = true
  # }
}
