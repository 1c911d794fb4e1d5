package driver

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"

	"github.com/nomadlike/nomadlike/plugins/driver/proto"
)

// execChunkBytes is the most data one exec message carries.
const execChunkBytes = 4096

// ExecTaskStreaming implements Driver.
//
// The goroutine that reads opts.Stdin may outlive the call until that Read
// returns; its data goes nowhere then.
func (d *Instance) ExecTaskStreaming(ctx context.Context, taskID string, opts *ExecOptions) (*ExitResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.rpc.ExecTaskStreaming(ctx)
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	out := &lockedSender{stream: stream}
	if err := out.Send(&proto.ExecTaskStreamingRequest{Setup: &proto.ExecTaskStreamingRequest_Setup{
		TaskId: taskID, Command: opts.Command, Tty: opts.Tty,
	}}); err != nil && !errors.Is(err, io.EOF) {
		return nil, d.fail(ctx, err)
	}
	go sendStdin(out, opts.Stdin)
	go sendSizes(ctx, out, opts.Resize)
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("driver ended the exec stream without an exit code: its build is broken")
		}
		if err != nil {
			return nil, d.fail(ctx, err)
		}
		if err := writeOutput(r, opts); err != nil {
			return nil, err
		}
		if r.GetExited() {
			return exitFromProto(r.GetResult(), ""), nil
		}
	}
}

func writeOutput(r *proto.ExecTaskStreamingResponse, opts *ExecOptions) error {
	if data := r.GetStdout().GetData(); len(data) > 0 && opts.Stdout != nil {
		if _, err := opts.Stdout.Write(data); err != nil {
			return err
		}
	}
	if data := r.GetStderr().GetData(); len(data) > 0 && opts.Stderr != nil {
		if _, err := opts.Stderr.Write(data); err != nil {
			return err
		}
	}
	return nil
}

// lockedSender lets input and terminal sizes share one stream.
type lockedSender struct {
	mu     sync.Mutex
	stream grpc.BidiStreamingClient[proto.ExecTaskStreamingRequest, proto.ExecTaskStreamingResponse]
}

func (s *lockedSender) Send(r *proto.ExecTaskStreamingRequest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.Send(r)
}

// sendStdin forwards input and says when it ends. Send errors end it quietly:
// the receiving side learns the reason.
func sendStdin(out *lockedSender, in io.Reader) {
	buf := make([]byte, execChunkBytes)
	for in != nil {
		n, err := in.Read(buf)
		if n > 0 {
			op := &proto.ExecTaskStreamingIOOperation{Data: append([]byte(nil), buf[:n]...)}
			if out.Send(&proto.ExecTaskStreamingRequest{Stdin: op}) != nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	_ = out.Send(&proto.ExecTaskStreamingRequest{Stdin: &proto.ExecTaskStreamingIOOperation{Close: true}})
}

func sendSizes(ctx context.Context, out *lockedSender, sizes <-chan TerminalSize) {
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-sizes:
			if !ok {
				return
			}
			size := &proto.ExecTaskStreamingRequest_TerminalSize{Height: int32(s.Height), Width: int32(s.Width)}
			if out.Send(&proto.ExecTaskStreamingRequest{TtySize: size}) != nil {
				return
			}
		}
	}
}

// serveExec is the plugin's side: it turns the stream into ExecOptions.
func serveExec(stream grpc.BidiStreamingServer[proto.ExecTaskStreamingRequest, proto.ExecTaskStreamingResponse], impl Driver) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	setup := first.GetSetup()
	if setup == nil {
		return errors.New("the first message of an exec stream must be its setup")
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	stdin := newInputBuffer()
	defer stdin.abandon()
	sizes := make(chan TerminalSize, 1)
	go receiveInput(stream, stdin, sizes)

	out := &responseSender{stream: stream}
	opts := &ExecOptions{
		Command: setup.GetCommand(), Tty: setup.GetTty(), Stdin: stdin, Resize: sizes,
		Stdout: writerFunc(func(p []byte) (int, error) {
			return out.chunks(p, func(op *proto.ExecTaskStreamingIOOperation) *proto.ExecTaskStreamingResponse {
				return &proto.ExecTaskStreamingResponse{Stdout: op}
			})
		}),
		Stderr: writerFunc(func(p []byte) (int, error) {
			return out.chunks(p, func(op *proto.ExecTaskStreamingIOOperation) *proto.ExecTaskStreamingResponse {
				return &proto.ExecTaskStreamingResponse{Stderr: op}
			})
		}),
	}
	exit, err := impl.ExecTaskStreaming(ctx, setup.GetTaskId(), opts)
	if err != nil {
		return err
	}
	return out.finish(setup.GetTty(), exit)
}

// receiveInput feeds the command until the host's side of the stream ends. A
// message with nothing set is a heartbeat.
func receiveInput(stream grpc.BidiStreamingServer[proto.ExecTaskStreamingRequest, proto.ExecTaskStreamingResponse], stdin *inputBuffer, sizes chan TerminalSize) {
	defer stdin.end()
	for {
		r, err := stream.Recv()
		if err != nil {
			return
		}
		if in := r.GetStdin(); in != nil {
			stdin.add(in.GetData())
			if in.GetClose() {
				stdin.end()
			}
		}
		if s := r.GetTtySize(); s != nil {
			// Only the newest size counts; a command that looks at none must not
			// hold up its input.
			select {
			case <-sizes:
			default:
			}
			sizes <- TerminalSize{Height: int(s.GetHeight()), Width: int(s.GetWidth())}
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// responseSender lets both outputs share one stream.
type responseSender struct {
	mu     sync.Mutex
	stream grpc.BidiStreamingServer[proto.ExecTaskStreamingRequest, proto.ExecTaskStreamingResponse]
}

func (s *responseSender) send(r *proto.ExecTaskStreamingResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.Send(r)
}

func (s *responseSender) chunks(p []byte, wrap func(*proto.ExecTaskStreamingIOOperation) *proto.ExecTaskStreamingResponse) (int, error) {
	sent := 0
	for sent < len(p) {
		end := min(sent+execChunkBytes, len(p))
		if err := s.send(wrap(&proto.ExecTaskStreamingIOOperation{Data: p[sent:end]})); err != nil {
			return sent, err
		}
		sent = end
	}
	return sent, nil
}

// finish closes the outputs and only then tells the exit.
func (s *responseSender) finish(tty bool, exit *ExitResult) error {
	closed := &proto.ExecTaskStreamingIOOperation{Close: true}
	if err := s.send(&proto.ExecTaskStreamingResponse{Stdout: closed}); err != nil {
		return err
	}
	if !tty {
		if err := s.send(&proto.ExecTaskStreamingResponse{Stderr: closed}); err != nil {
			return err
		}
	}
	return s.send(&proto.ExecTaskStreamingResponse{Exited: true, Result: exitToProto(exit)})
}
