package main

import (
	"maps"
	"slices"

	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

var secretsEngines = map[string]logical.Factory{
	"kv":      kv.Factory,
	"transit": transit.Factory,
}

var authMethods = map[string]logical.Factory{
	"approle":    approle.Factory,
	"jwt":        jwt.Factory,
	"kubernetes": kubernetes.Factory,
	"oidc":       jwt.Factory,
	"userpass":   userpass.Factory,
}

// builtins tells the core which names it may mount. Vault's own list would compile in every cloud's SDK.
type builtins struct{}

func (builtins) of(kind consts.PluginType) map[string]logical.Factory {
	switch kind {
	case consts.PluginTypeSecrets:
		return secretsEngines
	case consts.PluginTypeCredential:
		return authMethods
	default:
		return nil
	}
}

func (b builtins) Contains(name string, kind consts.PluginType) bool {
	return b.of(kind)[name] != nil
}

func (b builtins) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory, found := b.of(kind)[name]
	return func() (any, error) { return factory, nil }, found
}

func (b builtins) Keys(kind consts.PluginType) []string {
	return slices.Sorted(maps.Keys(b.of(kind)))
}

func (b builtins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, b.Contains(name, kind)
}

func (builtins) IsBuiltinEntPlugin(string, consts.PluginType) bool {
	return false
}
