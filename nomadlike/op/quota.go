package op

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// UpsertQuotas creates or replaces quotas. Limits come with their hashes.
type UpsertQuotas struct{ Quotas []*nl.QuotaSpec }

// DeleteQuotas removes quotas; it is refused while a namespace names one.
type DeleteQuotas struct{ Names []string }
