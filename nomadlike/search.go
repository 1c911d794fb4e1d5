package nomadlike

// SearchResponse is a noun of the HTTP API.
type SearchResponse struct {
	Matches     map[string][]string
	Truncations map[string]bool
	QueryMeta
}

// FuzzySearchResponse is a noun of the HTTP API.
type FuzzySearchResponse struct {
	Matches     map[string][]*FuzzyMatch
	Truncations map[string]bool
	QueryMeta
}

// FuzzyMatch is a noun of the HTTP API.
type FuzzyMatch struct {
	ID    string
	Scope []string `json:"Scope,omitempty,omitzero"`
}
