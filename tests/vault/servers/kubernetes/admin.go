package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

// waitUntilReady also gives the transport the certificate that the server makes for itself as it starts.
func waitUntilReady(line *announcement, transport *http.Transport, failed <-chan error) error {
	client := http.Client{Transport: transport, Timeout: 5 * time.Second}
	err := errors.New("never asked")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case err := <-failed:
			return err
		case <-time.After(50 * time.Millisecond):
		}
		if transport.TLSClientConfig == nil {
			if transport.TLSClientConfig, err = trust(line.CACert); err != nil {
				continue
			}
		}
		if err = ready(&client, line); err == nil {
			return nil
		}
	}
	return fmt.Errorf("kube-apiserver is not ready: %w", err)
}

func trust(path string) (*tls.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("no certificate in " + path)
	}
	return &tls.Config{RootCAs: roots}, nil
}

func ready(client *http.Client, line *announcement) error {
	request, err := http.NewRequest(http.MethodGet, line.Address+"/readyz", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+line.AdminToken)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// serveAdmin passes plain HTTP on as the administrator, for test programs that have no TLS of their own.
func serveAdmin(line *announcement, transport *http.Transport) (string, error) {
	target, err := url.Parse(line.Address)
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(target)
			request.Out.Header.Set("Authorization", "Bearer "+line.AdminToken)
		},
	}
	go func() { _ = http.Serve(listener, proxy) }()
	return "http://" + listener.Addr().String(), nil
}
