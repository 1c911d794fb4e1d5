package nomadlike

import (
	"errors"
	"fmt"
)

// Code classifies an error. It is the HTTP status the error is shown as and
// crosses RPC unchanged.
type Code int

// The closed set of codes.
const (
	CodeInvalid       Code = 400
	CodeUnauthorized  Code = 401
	CodeDenied        Code = 403
	CodeNotFound      Code = 404
	CodeConflict      Code = 409
	CodeUnprocessable Code = 422
	CodeTooMany       Code = 429
	CodeInternal      Code = 500
	CodeUnsupported   Code = 501
	CodeUnavailable   Code = 503
)

// Error is an error with a code. Its text is what users and clients see.
type Error struct {
	Code Code
	Text string
}

func (e *Error) Error() string { return e.Text }

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// CodeOf is the code of err, CodeInternal when it has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// ErrPermissionDenied is the answer to whoever may not.
var ErrPermissionDenied error = &Error{Code: CodeDenied, Text: "Permission denied"}
