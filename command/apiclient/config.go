package apiclient

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// DefaultAddress is where an agent listens unless told otherwise.
const DefaultAddress = "http://127.0.0.1:4646"

// Config says which agent to call, and as whom.
type Config struct {
	Address   string // http://, https:// or unix:// URL; "" is DefaultAddress
	Region    string // "" is the agent's own
	Namespace string // "" is "default"
	Token     string // a secret; "" is anonymous
	Auth      *BasicAuth
	TLS       TLS
}

// BasicAuth is a user of a proxy before the agent. The password is a secret.
type BasicAuth struct{ User, Password string }

func (a *BasicAuth) header() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.User+":"+a.Password))
}

// TLS is how an https agent is verified and convinced.
type TLS struct {
	CACert     string // file; wins over CAPath
	CAPath     string // directory of files
	ClientCert string
	ClientKey  string
	ServerName string // to verify instead of the address
	SkipVerify bool
}

// FromEnv is the configuration an environment asks for.
func FromEnv(getenv func(string) string) (Config, error) {
	config := Config{
		Address:   getenv("NOMAD_ADDR"),
		Region:    getenv("NOMAD_REGION"),
		Namespace: getenv("NOMAD_NAMESPACE"),
		Token:     getenv("NOMAD_TOKEN"),
		TLS: TLS{
			CACert:     getenv("NOMAD_CACERT"),
			CAPath:     getenv("NOMAD_CAPATH"),
			ClientCert: getenv("NOMAD_CLIENT_CERT"),
			ClientKey:  getenv("NOMAD_CLIENT_KEY"),
			ServerName: getenv("NOMAD_TLS_SERVER_NAME"),
		},
	}
	if config.Address == "" {
		config.Address = DefaultAddress
	}
	if v := getenv("NOMAD_SKIP_VERIFY"); v != "" {
		skip, err := strconv.ParseBool(v)
		if err != nil {
			return Config{}, fmt.Errorf("NOMAD_SKIP_VERIFY must be true or false, not %q", v)
		}
		config.TLS.SkipVerify = skip
	}
	if v := getenv("NOMAD_HTTP_AUTH"); v != "" {
		user, password, _ := strings.Cut(v, ":")
		config.Auth = &BasicAuth{User: user, Password: password}
	}
	return config, nil
}

func (t TLS) build() (*tls.Config, error) {
	out := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.SkipVerify,
	}
	if (t.ClientCert == "") != (t.ClientKey == "") {
		return nil, errors.New("a client certificate and its key belong together: set both -client-cert and -client-key")
	}
	if t.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(t.ClientCert, t.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("loading the client certificate: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	out.RootCAs = roots
	return out, nil
}

// roots are the authorities to trust, nil for those of the system.
func (t TLS) roots() (*x509.CertPool, error) {
	var files []string
	switch {
	case t.CACert != "":
		files = []string{t.CACert}
	case t.CAPath != "":
		entries, err := os.ReadDir(t.CAPath)
		if err != nil {
			return nil, fmt.Errorf("reading the directory of CA certificates: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				files = append(files, filepath.Join(t.CAPath, e.Name()))
			}
		}
	default:
		return nil, nil
	}
	pool := x509.NewCertPool()
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a CA certificate: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", file)
		}
	}
	return pool, nil
}
