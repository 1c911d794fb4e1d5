// Package quota counts what namespaces use and compares it with what their
// quota allows. The store keeps a Ledger for every quota in use; the scheduler
// and the verification of plans ask the same Limits whether more fits; the
// endpoints show both. It is pure and knows nothing of state, nodes or HTTP.
//
// A limit of 0, or none, allows any amount; a negative one allows nothing.
// Lowering a limit stops nothing that runs, and what runs may be replaced by
// its like; only growth beyond the limit is refused.
package quota
