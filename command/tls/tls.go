// Package tls holds the commands that make certificates for a cluster: its
// authority, and what servers, clients and people show each other. The root
// collects them. They work on files only and ask no agent.
package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

const (
	// certMode and keyMode are the permissions of what is written: keys are
	// their owner's alone.
	certMode = 0o644
	keyMode  = 0o600
	// serialBits is the length of serial numbers.
	serialBits = 128
	day        = 24 * time.Hour
)

// Commands are the commands of this package by name.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"tls": meta.GroupFactory(m, meta.Group{
			Name: "tls", Summary: "Make certificates for a cluster",
			Text: "Agents that verify each other need certificates of a common authority. These commands make the authority and the certificates, as files in the working directory.",
			Examples: []meta.Example{
				{Text: "Make an authority", Line: "nomadlike tls ca create"},
				{Text: "Make a certificate for the servers of a region", Line: "nomadlike tls cert create -server -region global"},
			},
		}),
		"tls ca": meta.GroupFactory(m, meta.Group{
			Name: "tls ca", Summary: "Make and look at authorities", Text: "An authority signs the certificates of a cluster.",
		}),
		"tls cert": meta.GroupFactory(m, meta.Group{
			Name: "tls cert", Summary: "Make and look at certificates", Text: "A certificate tells who an agent or a person is.",
		}),
		"tls ca create":   meta.Factory(m, caCreateVerb),
		"tls ca info":     meta.Factory(m, caInfoVerb),
		"tls cert create": meta.Factory(m, certCreateVerb),
		"tls cert info":   meta.Factory(m, certInfoVerb),
	}
}

// authority is a CA certificate with its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a key and a certificate for it. Without an authority it signs
// itself.
func issue(random io.Reader, template *x509.Certificate, by *authority) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	if by == nil {
		by = &authority{cert: template, key: key}
	}
	der, err := x509.CreateCertificate(random, template, by.cert, key.Public(), by.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing the certificate: %w", err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), nil
}

// template is what all certificates have.
func template(c *meta.Call, subject pkix.Name, days int) (*x509.Certificate, error) {
	if days <= 0 {
		return nil, meta.Usagef("-days must be above 0, not %d", days)
	}
	raw := make([]byte, serialBits/8)
	if _, err := io.ReadFull(c.Random, raw); err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	raw[0] = raw[0]&0x7f | 0x40 // positive, and of full length
	now := c.Now()
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(raw), Subject: subject,
		NotBefore: now, NotAfter: now.Add(time.Duration(days) * day),
		BasicConstraintsValid: true,
	}, nil
}

// writeNew writes files that must not exist yet.
func writeNew(c *meta.Call, files []file) error {
	for _, f := range files {
		if _, err := os.Stat(f.name); err == nil {
			return fmt.Errorf("file %q exists and is not overwritten: move it away first", f.name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("looking for file %q: %w", f.name, err)
		}
	}
	for _, f := range files {
		if err := os.WriteFile(f.name, f.text, f.mode); err != nil {
			return fmt.Errorf("writing the %s: %w", f.what, err)
		}
		c.Printf("==> %s saved to: %s", f.what, f.name)
	}
	return nil
}

// file is something to write.
type file struct {
	what, name string
	text       []byte
	mode       os.FileMode
}

// readCert reads the first certificate of a PEM file.
func readCert(name string) (*x509.Certificate, error) {
	block, err := readPEM(name, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(block)
	if err != nil {
		return nil, fmt.Errorf("%s holds no certificate that can be read: %w", name, err)
	}
	return cert, nil
}

func readPEM(name, kind string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, kind) {
			return block.Bytes, nil
		}
	}
	return nil, fmt.Errorf("%s holds no %s in PEM", name, strings.ToLower(kind))
}

// readAuthority reads a CA that can sign.
func readAuthority(certFile, keyFile string) (*authority, error) {
	cert, err := readCert(certFile)
	if err != nil {
		return nil, fmt.Errorf("reading the authority: %w", err)
	}
	if !cert.IsCA {
		return nil, fmt.Errorf("%s is not the certificate of an authority", certFile)
	}
	raw, err := readPEM(keyFile, "PRIVATE KEY")
	if err != nil {
		return nil, fmt.Errorf("reading the key of the authority: %w", err)
	}
	key, err := x509.ParseECPrivateKey(raw)
	if err != nil {
		other, other8 := x509.ParsePKCS8PrivateKey(raw)
		ec, ok := other.(*ecdsa.PrivateKey)
		if other8 != nil || !ok {
			return nil, fmt.Errorf("%s holds no elliptic curve key: %w", keyFile, err)
		}
		key = ec
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%s is not the key of %s", keyFile, certFile)
	}
	return &authority{cert: cert, key: key}, nil
}

// addresses reads IP addresses.
func addresses(texts []string) ([]net.IP, error) {
	var out []net.IP
	for _, text := range texts {
		ip := net.ParseIP(text)
		if ip == nil {
			return nil, meta.Usagef("%q is not an IP address", text)
		}
		out = append(out, ip)
	}
	return out, nil
}
