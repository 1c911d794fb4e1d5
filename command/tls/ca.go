package tls

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
)

const (
	domainDefault = "nomad"
	caDays        = 1825
)

// caOptions are the flags of tls ca create.
type caOptions struct {
	domains                                  []string
	days                                     int
	constrain                                bool
	domain, commonName                       string
	country, postal, province, locality      string
	street, organization, organizationalUnit string
}

func caCreateVerb(*meta.Meta) *meta.Verb {
	var o caOptions
	return &meta.Verb{
		Name: "tls ca create", Local: true,
		Summary: "Make an authority",
		Text:    "Makes a certificate authority that signs the certificates of agents. Keep its key away from the agents: whoever has it can join the cluster.",
		Examples: []meta.Example{
			{Text: "Make an authority that can sign for one domain only", Line: "nomadlike tls ca create -name-constraint -domain example.com"},
		},
		Flags: func(f *meta.Flags) {
			f.Strings(&o.domains, "additional-domain", "<domain>", "With -name-constraint: another domain to sign for. May be given many times.")
			f.String(&o.commonName, "common-name", "", "<name>", "Common name of the authority.")
			f.String(&o.country, "country", "", "<code>", "Country of the authority.")
			f.Int(&o.days, "days", caDays, "<n>", "How many days the authority is valid.")
			f.String(&o.domain, "domain", domainDefault, "<domain>", "Domain of the cluster.")
			f.String(&o.locality, "locality", "", "<text>", "Locality of the authority.")
			f.Bool(&o.constrain, "name-constraint", false, "Let the authority sign for the given domains and localhost only.")
			f.String(&o.organization, "organization", "", "<text>", "Organization of the authority.")
			f.String(&o.organizationalUnit, "organizational-unit", "", "<text>", "Organizational unit of the authority.")
			f.String(&o.postal, "postal-code", "", "<text>", "Postal code of the authority.")
			f.String(&o.province, "province", "", "<text>", "Province of the authority.")
			f.String(&o.street, "street-address", "", "<text>", "Street address of the authority.")
		},
		Do: o.create,
	}
}

func (o *caOptions) create(_ context.Context, c *meta.Call) error {
	if len(o.domains) > 0 && !o.constrain {
		return meta.Usagef("-additional-domain needs -name-constraint: without it the authority signs for every domain")
	}
	t, err := template(c, o.subject(), o.days)
	if err != nil {
		return err
	}
	if t.Subject.CommonName == "" {
		t.Subject.CommonName = "Nomad Agent CA " + t.SerialNumber.String()
	}
	t.IsCA = true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	if o.constrain {
		t.PermittedDNSDomainsCritical = true
		t.PermittedDNSDomains = append([]string{o.domain, "localhost"}, o.domains...)
	}
	cert, key, err := issue(c.Random, t, nil)
	if err != nil {
		return err
	}
	return writeNew(c, []file{
		{"CA certificate", o.domain + "-agent-ca.pem", cert, certMode},
		{"CA certificate key", o.domain + "-agent-ca-key.pem", key, keyMode},
	})
}

func (o *caOptions) subject() pkix.Name {
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	return pkix.Name{
		CommonName: o.commonName, Country: list(o.country), PostalCode: list(o.postal), Province: list(o.province),
		Locality: list(o.locality), StreetAddress: list(o.street),
		Organization: list(o.organization), OrganizationalUnit: list(o.organizationalUnit),
	}
}

func caInfoVerb(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "tls ca info", Args: "[<file>]", MaxArgs: 1, Local: true,
		Summary:  "Show an authority",
		Text:     "Shows the certificate of an authority, " + domainDefault + "-agent-ca.pem unless another file is given.",
		Examples: []meta.Example{{Text: "Show the authority of this directory", Line: "nomadlike tls ca info"}},
		Predict:  meta.PredictFiles("*.pem"),
		Do: func(_ context.Context, c *meta.Call) error {
			name := domainDefault + "-agent-ca.pem"
			if len(c.Args) == 1 {
				name = c.Args[0]
			}
			cert, err := readCert(name)
			if err != nil {
				return err
			}
			if !cert.IsCA {
				return fmt.Errorf("%s is not the certificate of an authority: look at it with 'tls cert info'", name)
			}
			kv := describe(cert)
			kv.Add("Permitted DNS Domains", strings.Join(cert.PermittedDNSDomains, " "))
			c.Print(kv.String())
			return nil
		},
	}
}

// describe is what there is to say about every certificate.
func describe(cert *x509.Certificate) *render.Pairs {
	var kv render.Pairs
	return kv.Add("Serial Number", cert.SerialNumber.String()).
		Add("Issuer CN", cert.Issuer.CommonName).
		Add("Common Name", cert.Subject.CommonName).
		Add("Expiry Date", cert.NotAfter.Local().Format("2006-01-02 15:04:05 -0700 MST"))
}
