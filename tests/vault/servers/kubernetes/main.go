// A Kubernetes API server for tests: kube-apiserver and etcd in one process, on loopback, without nodes or controllers.
//
// Prints one line of JSON and runs until standard input ends. What it writes is in one temporary directory, which it
// removes.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// patience is how long a start may take on a busy machine.
const patience = 2 * time.Minute

type announcement struct {
	Kind         string `json:"kind"`
	Version      string `json:"version"`
	Address      string `json:"address"`
	AdminAddress string `json:"admin_address"`
	CACert       string `json:"ca_cert"`
	AdminToken   string `json:"admin_token"`
	PID          int    `json:"pid"`
	Directory    string `json:"directory"`
}

func main() {
	directory, err := os.MkdirTemp("", "modelseal-kubernetes-")
	if err == nil {
		err = run(directory)
		_ = os.RemoveAll(directory)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubernetes:", err)
		os.Exit(1)
	}
}

func run(directory string) error {
	asked := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(asked)
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)

	etcd, err := startEtcd(filepath.Join(directory, "etcd"))
	if err != nil {
		return err
	}
	defer etcd.Close()

	line, transport, failed, err := startServer(directory, etcd.Clients[0].Addr().String())
	if err != nil {
		return err
	}
	if err := waitUntilReady(line, transport, failed); err != nil {
		return err
	}
	if line.AdminAddress, err = serveAdmin(line, transport); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}
	select {
	case <-asked:
	case <-signals:
	case err := <-failed:
		return err
	}
	return nil
}

func startEtcd(directory string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = directory
	config.LogLevel = "error"
	loopback := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls = []url.URL{loopback}
	config.ListenPeerUrls = []url.URL{loopback}
	config.AdvertiseClientUrls = []url.URL{loopback}
	config.AdvertisePeerUrls = []url.URL{loopback}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// Nothing here outlives the process.
	config.UnsafeNoFsync = true
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err = <-etcd.Err():
	case <-time.After(patience):
		err = fmt.Errorf("not ready after %s", patience)
	}
	etcd.Close()
	return nil, fmt.Errorf("etcd: %w", err)
}

// startServer returns before the server is ready. A server that ends says why on the channel.
func startServer(directory, etcd string) (*announcement, *http.Transport, chan error, error) {
	certificates := filepath.Join(directory, "certificates")
	key, tokens := filepath.Join(directory, "service-account.key"), filepath.Join(directory, "tokens.csv")
	if err := writeKey(key); err != nil {
		return nil, nil, nil, err
	}
	var random [16]byte
	_, _ = rand.Read(random[:])
	token := hex.EncodeToString(random[:])
	if err := os.WriteFile(tokens, []byte(token+",admin,1,\"system:masters\"\n"), 0o600); err != nil {
		return nil, nil, nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, nil, nil, err
	}
	command := app.NewAPIServerCommand()
	command.SetArgs([]string{
		"--etcd-servers=http://" + etcd,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir=" + certificates,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + key,
		"--service-account-signing-key-file=" + key,
		"--token-auth-file=" + tokens,
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none",
	})
	command.SilenceUsage = true
	failed := make(chan error, 1)
	go func() { failed <- fmt.Errorf("kube-apiserver ended: %w", command.ExecuteContext(context.Background())) }()

	line := &announcement{
		Kind:       "kubernetes",
		Version:    version.Get().GitVersion,
		Address:    fmt.Sprintf("https://127.0.0.1:%d", port),
		CACert:     filepath.Join(certificates, "apiserver.crt"),
		AdminToken: token,
		PID:        os.Getpid(),
		Directory:  directory,
	}
	return line, &http.Transport{}, failed, nil
}

func writeKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
