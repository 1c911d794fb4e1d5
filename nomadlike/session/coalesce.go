package session

import (
	"encoding/binary"
	"net"
)

// streamWindow is how many bytes a stream may hold unread before its sender
// waits; one large message then crosses in few round trips.
const streamWindow = 1 << 20

// Of a yamux frame's head: its length, and where type and body length stand.
const (
	headBytes    = 12
	headTypeAt   = 1
	headLengthAt = 8
	headTypeData = 0
)

// coalescer joins the head of a yamux frame with its body, which yamux writes
// separately, so that a frame is one system call and one packet. Only yamux's
// one sending goroutine writes.
type coalescer struct {
	net.Conn
	buf  []byte // a head that waits for its body
	lost func() // called before yamux learns that nothing more will come
}

func newCoalescer(conn net.Conn, lost func()) *coalescer {
	return &coalescer{Conn: conn, lost: lost}
}

// Read tells of the end first.
func (c *coalescer) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.lost()
	}
	return n, err
}

// Write holds back the head of a frame that has a body.
func (c *coalescer) Write(b []byte) (int, error) {
	if len(c.buf) == 0 {
		if len(b) == headBytes && b[headTypeAt] == headTypeData && binary.BigEndian.Uint32(b[headLengthAt:]) > 0 {
			c.buf = append(c.buf, b...)
			return len(b), nil
		}
		return c.Conn.Write(b)
	}
	if len(b) > trustedBytes {
		bufs := net.Buffers{c.buf, b}
		n, err := bufs.WriteTo(c.Conn)
		c.buf = c.buf[:0]
		return max(int(n)-headBytes, 0), err
	}
	c.buf = append(c.buf, b...)
	n, err := c.Conn.Write(c.buf)
	c.buf = c.buf[:0]
	return max(n-headBytes, 0), err
}
