// A HashiCorp Vault for tests: one unsealed node that keeps everything in memory, on loopback.
//
//	vault [-audit FILE] [-tls-cert FILE -tls-key FILE]
//
// Prints one line of JSON and runs until standard input ends. The licence is told in go.mod.
package main

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/version"
)

type announcement struct {
	Kind       string `json:"kind"`
	Version    string `json:"version"`
	Address    string `json:"address"`
	TLSAddress string `json:"tls_address,omitempty"`
	RootToken  string `json:"root_token"`
	UnsealKey  string `json:"unseal_key"`
	PID        int    `json:"pid"`
}

func main() {
	auditLog := flag.String("audit", "", "write an audit log to this `file`")
	certificate := flag.String("tls-cert", "", "also listen with TLS, with the certificates of this `file`")
	key := flag.String("tls-key", "", "and the private key of this `file`")
	flag.Parse()
	if flag.NArg() != 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*auditLog, *certificate, *key); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func run(auditLog, certificate, key string) error {
	asked := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(asked)
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)

	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	line := &announcement{
		Kind:    "vault",
		Version: version.GetVersion().VersionNumber(),
		Address: "http://" + plain.Addr().String(),
		PID:     os.Getpid(),
	}
	core, err := newCore(line)
	if err != nil {
		return err
	}
	if auditLog != "" {
		if err := enableAudit(core, line.RootToken, auditLog); err != nil {
			return err
		}
	}
	serve(core, plain, "http")
	if certificate != "" {
		encrypted, err := listenTLS(certificate, key)
		if err != nil {
			return err
		}
		line.TLSAddress = "https://" + encrypted.Addr().String()
		serve(core, encrypted, "https")
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}
	select {
	case <-asked:
	case <-signals:
	}
	return nil
}

// newCore also writes root token and unseal key into the line.
func newCore(line *announcement) (*vault.Core, error) {
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		Logger:             logger,
		DisableMlock:       true,
		RedirectAddr:       line.Address,
		BuiltinRegistry:    builtins{},
		LogicalBackends:    secretsEngines,
		CredentialBackends: authMethods,
		AuditBackends:      map[string]audit.Factory{"file": audit.NewFileBackend},
	})
	if err != nil {
		return nil, err
	}
	initialized, err := core.Initialize(context.Background(), &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
	})
	if err != nil {
		return nil, fmt.Errorf("initialize: %w", err)
	}
	share := initialized.SecretShares[0]
	line.RootToken, line.UnsealKey = initialized.RootToken, hex.EncodeToString(share)
	// Unsealing wipes what it is given.
	unsealed, err := core.Unseal(vault.TestKeyCopy(share))
	if err == nil && !unsealed {
		err = errors.New("still sealed")
	}
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	return core, nil
}

func enableAudit(core *vault.Core, token, path string) error {
	response, err := core.HandleRequest(namespace.RootContext(context.Background()), &logical.Request{
		Operation:   logical.UpdateOperation,
		ClientToken: token,
		Path:        "sys/audit/file",
		Data: map[string]any{
			"type":    "file",
			"options": map[string]any{"file_path": path, "mode": "0600"},
		},
	})
	if err == nil && response.IsError() {
		err = response.Error()
	}
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func listenTLS(certificate, key string) (net.Listener, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	return tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair},
		NextProtos:   []string{"h2", "http/1.1"},
	})
}

func serve(core *vault.Core, listener net.Listener, scheme string) {
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core:           core,
		ListenerConfig: &configutil.Listener{Type: "tcp", Address: scheme + "://" + listener.Addr().String()},
	})
	go func() { _ = http.Serve(listener, handler) }()
}
