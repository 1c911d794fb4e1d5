package meta

import (
	"cmp"

	"github.com/nomadlike/nomadlike/command/apiclient"
)

// agentFlags are the flags that address an agent.
type agentFlags struct {
	address, region, namespace, token     string
	caCert, caPath, clientCert, clientKey string
	serverName                            string
	skipVerify, insecure                  bool
	noColour, forceColour                 bool
}

func (a *agentFlags) declare(f *Flags) {
	f.String(&a.address, "address", "", "<addr>", "URL of the agent: http://, https:// or unix:// with a path. Environment: NOMAD_ADDR. Default: "+apiclient.DefaultAddress+".")
	f.String(&a.region, "region", "", "<region>", "Region to ask; the agent forwards. Environment: NOMAD_REGION. Default: the region of the agent.")
	f.String(&a.namespace, "namespace", "", "<namespace>", "Namespace to work in; '*' is all, where a command lists. Environment: NOMAD_NAMESPACE. Default: default.")
	f.String(&a.token, "token", "", "<secret>", "Secret ID of the ACL token. Environment: NOMAD_TOKEN.")
	f.String(&a.caCert, "ca-cert", "", "<file>", "CA certificate (PEM) to verify the agent with; wins over -ca-path. Environment: NOMAD_CACERT.")
	f.String(&a.caPath, "ca-path", "", "<dir>", "Directory of CA certificates. Environment: NOMAD_CAPATH.")
	f.String(&a.clientCert, "client-cert", "", "<file>", "Client certificate (PEM). Environment: NOMAD_CLIENT_CERT.")
	f.String(&a.clientKey, "client-key", "", "<file>", "Key of the client certificate. Environment: NOMAD_CLIENT_KEY.")
	f.String(&a.serverName, "tls-server-name", "", "<name>", "Name to verify in the agent's certificate. Environment: NOMAD_TLS_SERVER_NAME.")
	f.Bool(&a.skipVerify, "tls-skip-verify", false, "Do not verify the agent's certificate. Never use it outside of tests. Environment: NOMAD_SKIP_VERIFY.")
	f.Twin(&a.insecure, "insecure")
	a.declareLocal(f)
}

func (a *agentFlags) declareLocal(f *Flags) {
	f.Bool(&a.noColour, "no-color", false, "Print without colours. Environment: NOMAD_CLI_NO_COLOR.")
	f.Bool(&a.forceColour, "force-color", false, "Print with colours even where there is no terminal. Environment: NOMAD_CLI_FORCE_COLOR.")
}

// config is the environment's, with flags over it.
func (a *agentFlags) config(getenv func(string) string) (apiclient.Config, error) {
	config, err := apiclient.FromEnv(getenv)
	if err != nil {
		return config, err
	}
	over := func(field *string, value string) {
		if value != "" {
			*field = value
		}
	}
	over(&config.Address, a.address)
	over(&config.Region, a.region)
	over(&config.Namespace, a.namespace)
	over(&config.Token, a.token)
	over(&config.TLS.CACert, a.caCert)
	over(&config.TLS.CAPath, a.caPath)
	over(&config.TLS.ClientCert, a.clientCert)
	over(&config.TLS.ClientKey, a.clientKey)
	over(&config.TLS.ServerName, a.serverName)
	if a.skipVerify || a.insecure {
		config.TLS.SkipVerify = true
	}
	return config, nil
}

// ClientConfig is how the agent is to be reached.
func (c *Call) ClientConfig() (apiclient.Config, error) { return c.agent.config(c.Getenv) }

// Client reaches the agent that flags and environment name.
func (c *Call) Client() (*apiclient.Client, error) {
	if c.client != nil {
		return c.client, nil
	}
	config, err := c.ClientConfig()
	if err != nil {
		return nil, err
	}
	c.client, err = apiclient.New(config)
	return c.client, err
}

// Within is the client with another region and namespace; "" keeps each. Job
// files and prefix matches set them.
func (c *Call) Within(region, namespace string) (*apiclient.Client, error) {
	if region != "" {
		c.agent.region = region
	}
	if namespace != "" {
		c.agent.namespace = namespace
	}
	if c.client != nil {
		c.client.Close()
		c.client = nil
	}
	return c.Client()
}

// Namespace is the namespace in effect, "default" when none is said.
func (c *Call) Namespace() string { return cmp.Or(c.agent.namespace, c.usualNamespace()) }

// usualNamespace is what a command works in that names no namespace.
func (c *Call) usualNamespace() string { return cmp.Or(c.Getenv("NOMAD_NAMESPACE"), "default") }

// NamespaceFlag is what a command that is shown to be run next needs to work in
// the namespace in effect, with a space behind; "" when it does so anyway.
func (c *Call) NamespaceFlag() string {
	if c.Namespace() == c.usualNamespace() {
		return ""
	}
	return "-namespace " + c.Namespace() + " "
}

// AllNamespaces tells whether lists span namespaces and should show them.
func (c *Call) AllNamespaces() bool { return c.Namespace() == "*" }
