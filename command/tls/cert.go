package tls

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"strings"

	"github.com/nomadlike/nomadlike/command/meta"
)

const (
	certDays = 365
	// domainMark stands for the domain in the names of the authority's files.
	domainMark = "#DOMAIN#"
)

// certOptions are the flags of tls cert create.
type certOptions struct {
	server, client, cli  bool
	names, ips           []string
	ca, key              string
	days                 int
	domain, region, role string
}

func certCreateVerb(*meta.Meta) *meta.Verb {
	var o certOptions
	return &meta.Verb{
		Name: "tls cert create", Local: true,
		Summary: "Make a certificate",
		Text:    "Makes a certificate that an authority of this directory signs: for the servers of a region, for its clients, or for people who use the command line.",
		Examples: []meta.Example{
			{Text: "For servers that are also reached under another name", Line: "nomadlike tls cert create -server -additional-dnsname nomad.example.com"},
			{Text: "For the command line", Line: "nomadlike tls cert create -cli"},
		},
		Flags: func(f *meta.Flags) {
			f.Strings(&o.names, "additional-dnsname", "<name>", "Another name the agent is reached under. May be given many times.")
			f.Strings(&o.ips, "additional-ipaddress", "<ip>", "Another address the agent is reached under. May be given many times.")
			f.String(&o.ca, "ca", domainMark+"-agent-ca.pem", "<file>", "Certificate of the authority; "+domainMark+" stands for the domain.")
			f.Bool(&o.cli, "cli", false, "Make a certificate for the command line.")
			f.Bool(&o.client, "client", false, "Make a certificate for clients.")
			f.Int(&o.days, "days", certDays, "<n>", "How many days the certificate is valid.")
			f.String(&o.domain, "domain", domainDefault, "<domain>", "Domain of the cluster.")
			f.String(&o.key, "key", domainMark+"-agent-ca-key.pem", "<file>", "Key of the authority; "+domainMark+" stands for the domain.")
			f.String(&o.region, "region", "global", "<region>", "Region of the agent.")
			f.Bool(&o.server, "server", false, "Make a certificate for servers.")
		},
		Do: o.create,
	}
}

func (o *certOptions) create(_ context.Context, c *meta.Call) error {
	if err := o.chooseRole(); err != nil {
		return err
	}
	ips, err := addresses(o.ips)
	if err != nil {
		return err
	}
	expand := func(name string) string { return strings.ReplaceAll(name, domainMark, o.domain) }
	ca, err := readAuthority(expand(o.ca), expand(o.key))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s.%s.%s", o.role, o.region, o.domain)
	t, err := template(c, pkix.Name{CommonName: name}, o.days)
	if err != nil {
		return err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if o.server || o.client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	t.DNSNames = append([]string{name, "localhost"}, o.names...)
	t.IPAddresses = append([]net.IP{net.IPv4(127, 0, 0, 1)}, ips...)
	cert, key, err := issue(c.Random, t, ca)
	if err != nil {
		return err
	}
	prefix := fmt.Sprintf("%s-%s-%s", o.region, o.role, o.domain)
	title := strings.ToUpper(o.role[:1]) + o.role[1:]
	return writeNew(c, []file{
		{title + " Certificate", prefix + ".pem", cert, certMode},
		{title + " Certificate key", prefix + "-key.pem", key, keyMode},
	})
}

func (o *certOptions) chooseRole() error {
	chosen := 0
	for role, on := range map[string]bool{"server": o.server, "client": o.client, "cli": o.cli} {
		if on {
			o.role = role
			chosen++
		}
	}
	if chosen != 1 {
		return meta.Usagef("Say who the certificate is for with one of -server, -client and -cli")
	}
	return nil
}

func certInfoVerb(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "tls cert info", Args: "<file>", MinArgs: 1, MaxArgs: 1, Local: true,
		Summary:  "Show a certificate",
		Examples: []meta.Example{{Text: "Show the certificate of the servers", Line: "nomadlike tls cert info global-server-nomad.pem"}},
		Predict:  meta.PredictFiles("*.pem"),
		Do: func(_ context.Context, c *meta.Call) error {
			cert, err := readCert(c.Args[0])
			if err != nil {
				return err
			}
			var ips []string
			for _, ip := range cert.IPAddresses {
				ips = append(ips, ip.String())
			}
			kv := describe(cert)
			kv.Add("DNS Names", strings.Join(cert.DNSNames, " ")).Add("IP Addresses", strings.Join(ips, " "))
			c.Print(kv.String())
			return nil
		},
	}
}
