package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
)

// readStream reads until enough frames came, the conditions hold, or time is up.
func (x *run) readStream(st *Step, body io.Reader, r *Response) {
	done := func() bool { return len(st.Until) > 0 && x.holds(st.Until, r) }
	if st.Stream == "text" {
		buf := make([]byte, 4096)
		for !done() {
			n, err := body.Read(buf)
			r.Raw = append(r.Raw, buf[:n]...)
			if err != nil {
				return
			}
		}
		return
	}
	frames := []any{}
	d := json.NewDecoder(io.TeeReader(body, writerFunc(func(b []byte) { r.Raw = append(r.Raw, b...) })))
	d.UseNumber()
	for {
		if st.Stream == "logs" {
			r.JSON = joinFrames(frames)
		} else {
			r.JSON = frames
		}
		if st.Frames > 0 && len(frames) >= st.Frames || done() {
			return
		}
		var frame any
		if err := d.Decode(&frame); err != nil {
			return
		}
		if m, ok := frame.(map[string]any); ok && len(m) == 0 {
			continue // a heartbeat
		}
		frames = append(frames, frame)
	}
}

// joinFrames sums frames of a log or file stream up: the text and what else
// the first frame with text and any frame with an event carries.
func joinFrames(frames []any) any {
	sum := map[string]any{"Text": "", "Frame": nil}
	for _, f := range frames {
		m, _ := f.(map[string]any)
		if data, ok := m["Data"].(string); ok && data != "" {
			text, _ := base64.StdEncoding.DecodeString(data)
			sum["Text"] = sum["Text"].(string) + string(text)
			if sum["Frame"] == nil {
				sum["Frame"] = f
			}
		}
		if e, ok := m["FileEvent"].(string); ok && e != "" {
			sum["Event"] = e
		}
	}
	return sum
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }
