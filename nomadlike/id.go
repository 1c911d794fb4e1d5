package nomadlike

import (
	"encoding/hex"
	"io"
)

// NewID makes a random UUID (version 4) in its 36-character text form from 16
// bytes of the source of randomness. Decisions take the source as an argument;
// shells pass crypto/rand.Reader. It panics when the source fails, since
// nothing can be named then.
func NewID(random io.Reader) string {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic("reading randomness for an ID: " + err.Error())
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	out := make([]byte, 36)
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out)
}
