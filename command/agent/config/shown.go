package config

import (
	"reflect"
	"strings"
	"time"
)

// redacted stands for secrets.
const redacted = "<redacted>"

// Shown is the configuration as the API tells it: Go names, no secrets.
func (c *Config) Shown(version string) map[string]any {
	out := shown(reflect.ValueOf(*c)).(map[string]any)
	out["Version"] = map[string]any{"Version": version, "VersionPrerelease": "", "VersionMetadata": "", "Revision": "", "BuildDate": time.Time{}}
	plugins := []any{}
	for name, p := range c.Plugins {
		plugins = append(plugins, map[string]any{"Name": name, "Args": p.Args, "Config": secretless(p.Config)})
	}
	out["Plugins"] = plugins
	return out
}

func shown(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Tag.Get("secret") != "" && !v.Field(i).IsZero() {
				out[f.Name] = redacted
				continue
			}
			out[f.Name] = shown(v.Field(i))
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return shown(v.Elem())
	case reflect.Map:
		out := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			out[it.Key().String()] = shown(it.Value())
		}
		return secretless(out)
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return shown(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		out := make([]any, v.Len())
		for i := range v.Len() {
			out[i] = shown(v.Index(i))
		}
		return out
	}
	return v.Interface()
}

// secretKeys mark members of free-form blocks that are not told.
var secretKeys = []string{"token", "secret", "password", "key", "credential", "auth"}

func secretless(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		lower := strings.ToLower(k)
		hide := false
		for _, s := range secretKeys {
			hide = hide || strings.Contains(lower, s)
		}
		switch x := v.(type) {
		case string:
			if hide && x != "" {
				v = redacted
			}
		case map[string]any:
			v = secretless(x)
		}
		out[k] = v
	}
	return out
}
