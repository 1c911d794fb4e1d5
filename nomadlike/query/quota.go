package query

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// QuotaGet lists quotas by prefix or reads one by name. Methods Quota.List and
// Quota.Get (QuotasReply), Quota.UsageList and Quota.Usage (QuotaUsagesReply).
type QuotaGet struct {
	nl.QueryOptions
	Name string
}

// QuotasReply answers with quotas; none when the named one does not exist.
type QuotasReply struct {
	Quotas []*nl.QuotaSpec
	nl.QueryMeta
}

// QuotaUsagesReply answers with what is used of quotas.
type QuotaUsagesReply struct {
	Usages []*nl.QuotaUsage
	nl.QueryMeta
}

// QuotaUpsert creates or replaces a quota. Method Quota.Upsert, reply Written.
type QuotaUpsert struct {
	nl.WriteOptions
	Quota *nl.QuotaSpec
}
