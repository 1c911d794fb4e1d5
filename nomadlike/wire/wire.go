// Package wire is the one codec of the log, of snapshots and of calls between
// agents: CBOR in its core deterministic form, with the field names of the
// nouns' JSON. Equal values give equal bytes on every machine, which the
// store's fingerprint needs. Nouns that travel by the million (allocations'
// task states, resources, metrics) have numbers for names; a number is never
// given to another field.
//
// It turns values into bytes and back and never opens a socket or a file.
package wire

import (
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// The first byte of a connection to the RPC port says what it speaks.
const (
	ByteRaft    byte = 'R'
	ByteSession byte = 'S'
)

// Bounds on what is decoded, so that a bad message cannot exhaust memory or
// stack before its size would.
const (
	nestedLevelsMax  = 128      // levels; driver configurations nest, nouns do not reach 20
	arrayElementsMax = 16 << 20 // elements; a node's or plan's allocations are far fewer
	mapPairsMax      = 4 << 20  // pairs
)

// modes are built once; both are immutable.
var modes = func() (m struct {
	enc cbor.EncMode
	dec cbor.DecMode
}) {
	enc := cbor.CoreDetEncOptions()
	enc.Time = cbor.TimeRFC3339NanoUTC
	dec := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		DefaultMapType:    reflect.TypeFor[map[string]any](),
		IntDec:            cbor.IntDecConvertSigned,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   nestedLevelsMax,
		MaxArrayElements:  arrayElementsMax,
		MaxMapPairs:       mapPairsMax,
	}
	var err error
	if m.enc, err = enc.EncMode(); err != nil {
		panic(fmt.Sprintf("wire: options of the encoder: %v", err))
	}
	if m.dec, err = dec.DecMode(); err != nil {
		panic(fmt.Sprintf("wire: options of the decoder: %v", err))
	}
	return m
}()

// Encode writes v.
func Encode(v any) ([]byte, error) { return modes.enc.Marshal(v) }

// Decode reads all of b into v, which points to a zero value of what Encode
// was given, and refers to none of b afterwards. In fields of type any, integers
// become int64, maps map[string]any and lists []any.
func Decode(b []byte, v any) error { return modes.dec.Unmarshal(b, v) }
