package tls

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
)

func run(t *testing.T, name string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	m := &meta.Meta{
		In: strings.NewReader(""), Out: &out, Err: &errs, Random: rand.Reader,
		Getenv: func(string) string { return "" }, Environ: func() []string { return nil },
		Now:   func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
		Pause: func(context.Context, time.Duration) error { return nil },
	}
	command, err := Commands(m)[name]()
	if err != nil {
		t.Fatal(err)
	}
	code = command.Run(args)
	return code, out.String(), errs.String()
}

func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	code, out, errs := run(t, name, args...)
	if code != 0 {
		t.Fatalf("%s %q: exit code %d: %s", name, args, code, errs)
	}
	return out
}

func TestCertificates(t *testing.T) {
	t.Chdir(t.TempDir())
	out := mustRun(t, "tls ca create")
	if want := "==> CA certificate saved to: nomad-agent-ca.pem\n==> CA certificate key saved to: nomad-agent-ca-key.pem\n"; out != want {
		t.Errorf("got %q", out)
	}
	ca, err := os.ReadFile("nomad-agent-ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		role  string
		args  []string
		names []string
		use   x509.ExtKeyUsage
	}{
		{"server", nil, []string{"server.global.nomad", "localhost", "127.0.0.1"}, x509.ExtKeyUsageServerAuth},
		{"client", []string{"-additional-dnsname=n.test", "-additional-ipaddress=10.0.0.1"}, []string{"client.global.nomad", "n.test", "10.0.0.1"}, x509.ExtKeyUsageServerAuth},
		{"cli", nil, []string{"cli.global.nomad"}, x509.ExtKeyUsageClientAuth},
	} {
		mustRun(t, "tls cert create", append([]string{"-" + c.role}, c.args...)...)
		file := "global-" + c.role + "-nomad"
		if _, err := tls.LoadX509KeyPair(file+".pem", file+"-key.pem"); err != nil {
			t.Errorf("%s: %v", c.role, err)
		}
		if info, err := os.Stat(file + "-key.pem"); err != nil || info.Mode().Perm() != keyMode {
			t.Errorf("%s: key is open to others: %v, %v", c.role, info.Mode(), err)
		}
		cert, err := readCert(file + ".pem")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.names {
			if _, err := cert.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{c.use}}); err != nil {
				t.Errorf("%s as %s: %v", c.role, name, err)
			}
		}
	}
	if cert, err := readCert("global-cli-nomad.pem"); err != nil || len(cert.ExtKeyUsage) != 1 {
		t.Errorf("a certificate of the command line may do more than ask: %v, %v", cert.ExtKeyUsage, err)
	}
}

func TestConstrainedAuthority(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, "tls ca create", "-domain=a.test", "-name-constraint", "-additional-domain=b.test", "-common-name=Ours", "-organization=O", "-days=10")
	out := mustRun(t, "tls ca info", "a.test-agent-ca.pem")
	want := regexp.MustCompile(`^Serial Number         = \d+\nIssuer CN             = Ours\nCommon Name           = Ours\nExpiry Date           = 2026-05-11 .*\nPermitted DNS Domains = a.test localhost b.test\n$`)
	if !want.MatchString(out) {
		t.Errorf("got\n%s", out)
	}
	mustRun(t, "tls cert create", "-server", "-domain=a.test", "-region=west", "-days=5")
	ca, err := readCert("a.test-agent-ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	cert, err := readCert("west-server-a.test.pem")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{DNSName: "server.west.a.test", Roots: roots, CurrentTime: time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC)}); err != nil {
		t.Error(err)
	}
	if out := mustRun(t, "tls cert info", "west-server-a.test.pem"); !strings.Contains(out, "DNS Names     = server.west.a.test localhost\nIP Addresses  = 127.0.0.1\n") {
		t.Errorf("got\n%s", out)
	}
}

func TestRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	refuse := func(want, name string, args ...string) {
		t.Helper()
		if code, _, errs := run(t, name, args...); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s %q: exit code %d, %q, want %q", name, args, code, errs, want)
		}
	}
	refuse("no such file", "tls cert create", "-server")
	mustRun(t, "tls ca create")
	refuse("not overwritten", "tls ca create")
	refuse("-name-constraint", "tls ca create", "-additional-domain=x", "-domain=other")
	refuse("-days", "tls ca create", "-domain=other", "-days=0")
	refuse("one of -server, -client and -cli", "tls cert create")
	refuse("one of -server, -client and -cli", "tls cert create", "-server", "-cli")
	refuse("not an IP address", "tls cert create", "-server", "-additional-ipaddress=here")
	mustRun(t, "tls ca create", "-domain=other")
	refuse("is not the key of", "tls cert create", "-server", "-key=other-agent-ca-key.pem")
	refuse("holds no certificate", "tls ca info", "nomad-agent-ca-key.pem")
	mustRun(t, "tls cert create", "-cli")
	refuse("not the certificate of an authority", "tls ca info", "global-cli-nomad.pem")
	refuse("not the certificate of an authority", "tls cert create", "-server", "-ca=global-cli-nomad.pem")
	refuse("no such file", "tls cert info", "none.pem")
}
