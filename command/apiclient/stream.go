package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/coder/websocket"

	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// messageMax bounds, in bytes, one WebSocket message: a chunk of output in
// base64 and its envelope.
const messageMax = 1 << 20

// Frames reads a framed stream to its end. Heartbeats, which are empty frames,
// are not passed on.
func (c *Client) Frames(ctx context.Context, path string, q *Query, each func(query.Frame) error) error {
	body, err := c.Stream(ctx, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	dec := json.NewDecoder(body)
	for {
		var frame query.Frame
		if err := dec.Decode(&frame); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		if len(frame.Data) == 0 && frame.File == "" && frame.FileEvent == "" {
			continue
		}
		if err := each(frame); err != nil {
			return err
		}
	}
}

// Dial opens a WebSocket. The caller closes it.
func (c *Client) Dial(ctx context.Context, path string, q *Query) (*websocket.Conn, error) {
	target, err := c.URL(path, q)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	c.setHeaders(header, q)
	conn, resp, err := websocket.Dial(ctx, target.String(), &websocket.DialOptions{
		HTTPClient: c.http,
		HTTPHeader: header,
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			body := ""
			if resp.Body != nil {
				raw, _ := io.ReadAll(io.LimitReader(resp.Body, errorBodyMax))
				body = string(raw)
			}
			return nil, &StatusError{Code: resp.StatusCode, Body: body}
		}
		return nil, c.reachError(ctx, err)
	}
	conn.SetReadLimit(messageMax)
	return conn, nil
}
