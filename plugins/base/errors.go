package base

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nomadlike/nomadlike/plugins/base/proto/shared"
)

// ErrPluginShutdown says that the plugin process is gone; the host launches a
// new one and recovers its tasks.
var ErrPluginShutdown = errors.New("plugin is shut down")

// RecoverableError marks a failed start as worth, or not worth, a retry. An
// error without the mark is not retried.
type RecoverableError struct {
	Err         error
	Recoverable bool
}

// NewRecoverableError marks err; a nil error stays nil.
func NewRecoverableError(err error, recoverable bool) error {
	if err == nil {
		return nil
	}
	return &RecoverableError{Err: err, Recoverable: recoverable}
}

func (e *RecoverableError) Error() string { return e.Err.Error() }
func (e *RecoverableError) Unwrap() error { return e.Err }

// IsRecoverable reports whether a start that failed with err may be retried.
func IsRecoverable(err error) bool {
	var r *RecoverableError
	return errors.As(err, &r) && r.Recoverable
}

// ErrorToStatus gives err its wire form: a marked error carries its mark as the
// first status detail, any other one travels as plain text.
func ErrorToStatus(err error) error {
	if err == nil {
		return nil
	}
	var r *RecoverableError
	if !errors.As(err, &r) {
		return err
	}
	st := status.New(codes.FailedPrecondition, err.Error())
	withMark, detailErr := st.WithDetails(&shared.RecoverableError{Recoverable: r.Recoverable})
	if detailErr != nil {
		return st.Err()
	}
	return withMark.Err()
}

// ErrorFromStatus is the host's reading of what ErrorToStatus wrote. Text that
// equals one of known becomes that very error, so that errors.Is works across
// the process border. An ended ctx wins over what the transport made of it.
func ErrorFromStatus(ctx context.Context, err error, known ...error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, k := range known {
		if st.Message() == k.Error() {
			return k
		}
	}
	for _, d := range st.Details() {
		if mark, ok := d.(*shared.RecoverableError); ok {
			return &RecoverableError{Err: errors.New(st.Message()), Recoverable: mark.GetRecoverable()}
		}
		break
	}
	switch st.Code() {
	case codes.Unavailable, codes.Canceled:
		return &transportError{err}
	case codes.Unimplemented:
		return err
	default:
		return errors.New(st.Message())
	}
}

// transportError is a failure of the connection, not of the plugin's code: the
// process is gone or going. It matches ErrPluginShutdown.
type transportError struct{ cause error }

func (e *transportError) Error() string {
	return ErrPluginShutdown.Error() + ": " + status.Convert(e.cause).Message()
}
func (e *transportError) Is(target error) bool { return target == ErrPluginShutdown }
func (e *transportError) Unwrap() error        { return e.cause }

// IsUnimplemented reports whether the plugin's binary does not know the call,
// as plugins built with older kits do not know Init and Shutdown.
func IsUnimplemented(err error) bool { return status.Code(err) == codes.Unimplemented }
