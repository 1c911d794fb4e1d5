// Command hello is what the example job app.hcl runs: a web server that says
// which allocation answers. Job files start it; nothing of nomadlike is inside.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	readTimeout = 5 * time.Second // a client that sends nothing is hung up on
	goodbyeWait = 3 * time.Second // for requests that are under way at the end
)

func main() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "fine") })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s, from %s (allocation %s)\n", os.Getenv("GREETING"), os.Getenv("NOMAD_ALLOC_NAME"), os.Getenv("NOMAD_SHORT_ALLOC_ID"))
		log.Printf("%s %s answered to %s", r.Method, r.URL.Path, r.RemoteAddr)
	})
	server := &http.Server{
		Addr:        net.JoinHostPort(os.Getenv("NOMAD_IP_http"), os.Getenv("NOMAD_PORT_http")),
		Handler:     mux,
		ReadTimeout: readTimeout,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	log.Printf("hello listens on %s", server.Addr)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	log.Print("hello says goodbye")
	wait, cancel := context.WithTimeout(context.Background(), goodbyeWait)
	defer cancel()
	if err := server.Shutdown(wait); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
