package nomadlike

// Constraint is a noun of the HTTP API.
type Constraint struct {
	// `${...}` interpolation or literal
	LTarget string
	// `=`(`==`,`is`) `!=`(`not`) `>` `>=` `<` `<=` `regexp` `version` `semver` `set_contains` `set_contains_all` `set_contains_any` `distinct_hosts` `distinct_property` `is_set` `is_not_set`
	Operand string
	RTarget string
}

// Affinity is a noun of the HTTP API.
type Affinity struct {
	// as Constraint
	Operand string
	// default 50; -100..100, not 0
	Weight  int
	LTarget string
	RTarget string
}

// Spread is a noun of the HTTP API.
type Spread struct {
	// default 50; 1..100
	Weight int
	// percent sum <= 100
	SpreadTarget []*SpreadTarget
	Attribute    string
}

// SpreadTarget is a noun of the HTTP API.
type SpreadTarget struct {
	Value   string
	Percent uint64
}
