package http

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
)

// execMessageBytesMax bounds one message of a caller: more than any client
// sends at once.
const execMessageBytesMax = 1 << 20

// execHandshakeWait is how long a caller may take to present its token.
const execHandshakeWait = 10 * time.Second

// execIn is a message of the caller.
type execIn struct {
	Stdin *struct {
		Data  []byte `json:"data"`
		Close bool   `json:"close"`
	} `json:"stdin"`
	TtySize *struct {
		Height int `json:"height"`
		Width  int `json:"width"`
	} `json:"tty_size"`
}

// execOut is a message to the caller; zero members are left out.
type execOut struct {
	Stdout *execData   `json:"stdout,omitempty"`
	Stderr *execData   `json:"stderr,omitempty"`
	Exited bool        `json:"exited,omitempty"`
	Result *execResult `json:"result,omitempty"`
}

type execData struct {
	Data  []byte `json:"data,omitempty"`
	Close bool   `json:"close,omitempty"`
}

type execResult struct {
	ExitCode int `json:"exit_code,omitempty"`
}

// allocExec runs a command in a task over a WebSocket.
func allocExec(r *request) (any, error) {
	return r.socket(func(ctx context.Context, token string) (*query.AllocExec, error) {
		q := r.URL.Query()
		on, _ := r.onNode(r.rest)
		on.AuthToken = token
		req := &query.AllocExec{OnNode: on, Task: q.Get("task")}
		if err := json.Unmarshal([]byte(q.Get("command")), &req.Command); err != nil {
			return nil, bad("Failed to decode command: %v", err)
		}
		if len(req.Command) == 0 {
			return nil, bad("command is not present")
		}
		var err error
		if req.Tty, err = r.boolean("tty", false, nl.CodeInvalid); err != nil {
			return nil, err
		}
		return req, nil
	})
}

// jobAction runs an action of a job in one of its allocations.
func jobAction(r *request) (any, error) {
	return r.socket(func(ctx context.Context, token string) (*query.AllocExec, error) {
		q := r.URL.Query()
		var job query.JobReply
		o := nl.QueryOptions{Region: r.region(), Namespace: r.write().Namespace, AuthToken: token}
		if err := r.api.cfg.Backend.Call(ctx, "Job.Get", &query.JobGet{QueryOptions: o, ID: r.rest}, &job); err != nil {
			return nil, err
		}
		if job.Job == nil {
			return nil, notFound("job not found")
		}
		action := findAction(job.Job, q.Get("group"), q.Get("task"), q.Get("action"))
		if action == nil {
			return nil, bad("action %s not found in task %s", q.Get("action"), q.Get("task"))
		}
		alloc, err := r.actionAlloc(ctx, o, q.Get("allocID"), q.Get("group"))
		if err != nil {
			return nil, err
		}
		req := &query.AllocExec{OnNode: query.OnNode{QueryOptions: o, AllocID: alloc}, Task: q.Get("task"),
			Action: q.Get("action"), Command: append([]string{action.Command}, action.Args...)}
		if req.Tty, err = r.boolean("tty", false, nl.CodeInvalid); err != nil {
			return nil, err
		}
		return req, nil
	})
}

func findAction(job *nl.Job, group, task, name string) *nl.Action {
	for _, g := range job.TaskGroups {
		if group != "" && g.Name != group {
			continue
		}
		for _, t := range g.Tasks {
			for _, a := range t.Actions {
				if t.Name == task && a.Name == name {
					return a
				}
			}
		}
	}
	return nil
}

// actionAlloc is the allocation to act in: the one asked for or any that runs.
func (r *request) actionAlloc(ctx context.Context, o nl.QueryOptions, want, group string) (string, error) {
	var allocs query.AllocStubs
	if err := r.api.cfg.Backend.Call(ctx, "Job.Allocs", &query.JobGet{QueryOptions: o, ID: r.rest}, &allocs); err != nil {
		return "", err
	}
	for _, a := range allocs.Allocs {
		if a.ID == want || want == "" && a.ClientStatus == nl.AllocClientRunning && (group == "" || a.TaskGroup == group) {
			return a.ID, nil
		}
	}
	if want != "" {
		return "", bad("job %s does not have allocation %s", r.rest, want)
	}
	return "", bad("job %s has no running allocation", r.rest)
}

// socket upgrades first and checks then: what is wrong is told in the close
// frame, as clients expect.
func (r *request) socket(prepare func(ctx context.Context, token string) (*query.AllocExec, error)) (any, error) {
	if r.Header.Get("Upgrade") == "" {
		return nil, bad("%s", errWebSocket)
	}
	conn, err := websocket.Accept(r.w, r.Request, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return written, nil // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(execMessageBytesMax)
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	token, err := r.handshake(ctx, conn)
	if err == nil {
		var req *query.AllocExec
		if req, err = prepare(ctx, token); err == nil {
			err = r.exec(ctx, conn, req)
		}
	}
	closeSocket(conn, err)
	return written, nil
}

// closeReasonBytesMax is what a close frame can carry.
const closeReasonBytesMax = 120

func closeSocket(conn *websocket.Conn, err error) {
	if err == nil {
		return // the exit message was the goodbye; the caller closes the connection
	}
	code := websocket.StatusPolicyViolation
	if nl.CodeOf(onNodeError(err)) == nl.CodeInternal {
		code = websocket.StatusInternalError
	}
	text := err.Error()
	conn.Close(code, text[:min(len(text), closeReasonBytesMax)])
}

// handshake takes the token from the first message when the caller asked so.
func (r *request) handshake(ctx context.Context, conn *websocket.Conn) (string, error) {
	token := r.token()
	on, err := r.boolean("ws_handshake", false, nl.CodeInvalid)
	if err != nil || !on {
		return token, err
	}
	ctx, stop := context.WithTimeout(ctx, execHandshakeWait)
	defer stop()
	_, data, err := conn.Read(ctx)
	if err != nil {
		return "", bad("reading the handshake: %v", err)
	}
	var hello struct {
		Version   int    `json:"version"`
		AuthToken string `json:"auth_token"`
	}
	if err := json.Unmarshal(data, &hello); err != nil {
		return "", bad("reading the handshake: %v", err)
	}
	if hello.Version != 1 {
		return "", bad("unexpected handshake value: %v", hello.Version)
	}
	if token != "" && token != hello.AuthToken {
		return "", bad("handshake auth token mismatched auth header token")
	}
	return hello.AuthToken, nil
}

// exec copies between the caller and the command until the command ends.
func (r *request) exec(ctx context.Context, conn *websocket.Conn, req *query.AllocExec) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, err := r.api.cfg.Backend.Stream(ctx, "Alloc.Exec", req)
	if err != nil {
		return err
	}
	defer s.Close()
	var readers sync.WaitGroup
	readers.Add(1)
	go func() {
		defer readers.Done()
		defer stop() // a caller that has gone takes the command with it
		execInput(ctx, conn, s)
	}()
	err = execOutput(ctx, conn, s)
	if err != nil {
		closeSocket(conn, err) // before the reader is stopped, which cuts the connection
	}
	stop()
	readers.Wait()
	return err
}

func execInput(ctx context.Context, conn *websocket.Conn, s session.Stream) {
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var in execIn
		if json.Unmarshal(data, &in) != nil {
			continue
		}
		var out query.ExecInput
		if in.Stdin != nil {
			out.Stdin, out.CloseStdin = in.Stdin.Data, in.Stdin.Close
		}
		if in.TtySize != nil {
			out.Height, out.Width = in.TtySize.Height, in.TtySize.Width
		}
		if len(out.Stdin) == 0 && !out.CloseStdin && out.Height == 0 {
			continue // a heartbeat
		}
		if s.Send(&out) != nil {
			return
		}
	}
}

func execOutput(ctx context.Context, conn *websocket.Conn, s session.Stream) error {
	send := func(m execOut) error {
		data, err := json.Marshal(m)
		if err != nil {
			return err
		}
		return conn.Write(ctx, websocket.MessageText, data)
	}
	for {
		var out query.ExecOutput
		err := s.Recv(&out)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, m := range execMessages(&out) {
			if err := send(m); err != nil {
				return nil // the caller has gone
			}
		}
		if out.Exited {
			return nil
		}
	}
}

func execMessages(o *query.ExecOutput) (out []execOut) {
	if len(o.Stdout) > 0 {
		out = append(out, execOut{Stdout: &execData{Data: o.Stdout}})
	}
	if len(o.Stderr) > 0 {
		out = append(out, execOut{Stderr: &execData{Data: o.Stderr}})
	}
	if o.CloseStdout {
		out = append(out, execOut{Stdout: &execData{Close: true}})
	}
	if o.CloseStderr {
		out = append(out, execOut{Stderr: &execData{Close: true}})
	}
	if o.Exited {
		out = append(out, execOut{Exited: true, Result: &execResult{ExitCode: o.ExitCode}})
	}
	return out
}
