package docker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/registry"
)

const (
	// hubKey is how credential files name the default registry.
	hubKey = "https://index.docker.io/v1/"
	// helperMax bounds a call of a credential helper.
	helperMax = 30 * time.Second
	// tokenUser marks a helper's secret as an identity token.
	tokenUser = "<token>"
)

// credentials finds the encoded credentials for an image: the first source that
// has any, or fails, decides.
func credentials(ref string, task *taskAuth, p authConfig) (string, error) {
	if task != nil && (task.Username != "" || task.Password != "" || task.ServerAddress != "") {
		return registry.EncodeAuthConfig(registry.AuthConfig{
			Username: task.Username, Password: task.Password, ServerAddress: task.ServerAddress,
		})
	}
	host, err := registryHost(ref)
	if err != nil {
		return "", err
	}
	found, err := fromFile(host, p.Config)
	if err == nil && found == nil && p.Helper != "" {
		found, err = fromHelper(p.Helper, host)
	}
	if err != nil || found == nil {
		return "", err
	}
	return registry.EncodeAuthConfig(*found)
}

func registryHost(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", fmt.Errorf("image %q is no valid reference: %w", ref, err)
	}
	return reference.Domain(named), nil
}

// keys are the spellings of a registry in credential files.
func keys(host string) []string {
	if host == "docker.io" {
		return []string{hubKey, "index.docker.io", "docker.io", "https://index.docker.io/v1"}
	}
	return []string{host, "https://" + host, "http://" + host, "https://" + host + "/v1/", "https://" + host + "/v2/"}
}

// fromFile reads a credential file of the docker command.
func fromFile(host, file string) (*registry.AuthConfig, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("credential file cannot be read: %w", err)
	}
	var content struct {
		Auths map[string]struct {
			Auth          string `json:"auth"`
			Username      string `json:"username"`
			Password      string `json:"password"`
			IdentityToken string `json:"identitytoken"`
		} `json:"auths"`
		Helpers map[string]string `json:"credHelpers"`
		Store   string            `json:"credsStore"`
	}
	if err := json.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("credential file %s is damaged: %w", file, err)
	}
	for _, k := range keys(host) {
		e, ok := content.Auths[k]
		if !ok || (e.Auth == "" && e.Username == "" && e.IdentityToken == "") {
			continue
		}
		out := &registry.AuthConfig{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, ServerAddress: k}
		if e.Auth != "" {
			plain, err := base64.StdEncoding.DecodeString(e.Auth)
			if err != nil {
				return nil, fmt.Errorf("credential file %s has a damaged entry for %s", file, k)
			}
			out.Username, out.Password, _ = strings.Cut(strings.TrimRight(string(plain), "\x00"), ":")
		}
		return out, nil
	}
	for _, k := range keys(host) {
		if h := content.Helpers[k]; h != "" {
			return fromHelper(h, host)
		}
	}
	if content.Store != "" {
		return fromHelper(content.Store, host)
	}
	return nil, nil
}

// fromHelper asks docker-credential-<name>. No credentials is no error.
func fromHelper(name, host string) (*registry.AuthConfig, error) {
	ctx, cancel := context.WithTimeout(context.Background(), helperMax)
	defer cancel()
	server := keys(host)[0]
	cmd := exec.CommandContext(ctx, "docker-credential-"+name, "get")
	cmd.Stdin = strings.NewReader(server)
	out, err := cmd.Output()
	if err != nil {
		if strings.Contains(string(out), "credentials not found") {
			return nil, nil
		}
		return nil, fmt.Errorf("credential helper docker-credential-%s failed for %s: %w", name, server, err)
	}
	var answer struct {
		Username string
		Secret   string
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("credential helper docker-credential-%s gave no valid answer for %s", name, server)
	}
	if answer.Username == tokenUser {
		return &registry.AuthConfig{IdentityToken: answer.Secret, ServerAddress: server}, nil
	}
	return &registry.AuthConfig{Username: answer.Username, Password: answer.Secret, ServerAddress: server}, nil
}
