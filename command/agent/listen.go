package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	web "net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/command/agent/config"
)

// The bounds of the HTTP server. Answers may take as long as a blocking query
// or a stream; a request's header may not.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	shutdownWait   = time.Second
	keepAlive      = 30 * time.Second
	tooManyText    = "Your IP is issuing too many concurrent connections, please rate limit your calls\n"
	tooManyPerSec  = 10 // answers to connections over the limit
	tooManyBurst   = 100
	connsPerClient = 100
)

// listeners are the HTTP ports.
type listeners struct {
	all   []net.Listener
	limit *connLimit
}

// listen opens one port for each address of the configuration.
func listen(c *config.Config) (*listeners, error) {
	if c.TLS.HTTP {
		return nil, errors.New("tls.http is not served yet; put a TLS proxy in front or leave it off")
	}
	most := connsPerClient
	if n := c.Limits.HTTPMaxConnsPerClient; n != nil {
		most = *n
	}
	l := &listeners{limit: &connLimit{most: most, open: map[string]int{}}}
	for _, host := range strings.Fields(c.Addresses.HTTP) {
		addr := net.JoinHostPort(host, strconv.Itoa(c.Ports.HTTP))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("listening on %s for HTTP: %w; is another agent running? Set ports.http or bind_addr to listen elsewhere", addr, err)
		}
		l.all = append(l.all, ln)
	}
	if len(l.all) == 0 {
		return nil, errors.New("addresses.http names no address")
	}
	return l, nil
}

func (l *listeners) close() {
	for _, ln := range l.all {
		ln.Close()
	}
}

// serve answers until ctx ends.
func (l *listeners) serve(ctx context.Context, h web.Handler, log hclog.Logger) error {
	srv := &web.Server{
		Handler: logged(h, log), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	failed := make(chan error, len(l.all))
	var serving sync.WaitGroup
	for _, ln := range l.all {
		serving.Go(func() { failed <- srv.Serve(&limited{Listener: ln, limit: l.limit}) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	if srv.Shutdown(stop) != nil {
		srv.Close()
	}
	serving.Wait()
	if errors.Is(err, web.ErrServerClosed) {
		return nil
	}
	return err
}

// dialAPI opens a connection to this agent's own API.
func (a *Agent) dialAPI(ctx context.Context) (net.Conn, error) {
	addr := a.listen.all[0].Addr().(*net.TCPAddr)
	ip := addr.IP
	if ip.IsUnspecified() {
		ip = net.IPv6loopback
		if addr.IP.To4() != nil {
			ip = net.IPv4(127, 0, 0, 1)
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), strconv.Itoa(addr.Port)))
}

// logged notes every request at debug level. Queries may hold secrets of
// callers only in headers, which are not logged.
func logged(h web.Handler, log hclog.Logger) web.Handler {
	return web.HandlerFunc(func(w web.ResponseWriter, r *web.Request) {
		begin := time.Now()
		h.ServeHTTP(w, r)
		if log.IsDebug() {
			log.Debug("request complete", "method", r.Method, "path", r.URL.RequestURI(), "duration", time.Since(begin))
		}
	})
}

// connLimit counts connections by address.
type connLimit struct {
	most int // 0 is no bound

	mu       sync.Mutex
	open     map[string]int
	answers  float64 // allowance for telling callers that they are too many
	lastTold time.Time
}

func (c *connLimit) take(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most > 0 && c.open[host] >= c.most {
		return false
	}
	c.open[host]++
	return true
}

func (c *connLimit) give(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[host]--; c.open[host] <= 0 {
		delete(c.open, host)
	}
}

// mayTell tells whether one more caller may be answered that it is too many.
func (c *connLimit) mayTell(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = min(c.answers+now.Sub(c.lastTold).Seconds()*tooManyPerSec, tooManyBurst)
	c.lastTold = now
	if c.answers < 1 {
		return false
	}
	c.answers--
	return true
}

// limited refuses connections of callers that have too many.
type limited struct {
	net.Listener
	limit *connLimit
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil || l.limit.take(host) {
			return &counted{Conn: conn, give: sync.OnceFunc(func() { l.limit.give(host) })}, nil
		}
		if l.limit.mayTell(time.Now()) {
			conn.SetWriteDeadline(time.Now().Add(time.Second))
			fmt.Fprintf(conn, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
				len(tooManyText), tooManyText)
		}
		conn.Close()
	}
}

// counted gives its place back when closed.
type counted struct {
	net.Conn
	give func()
}

func (c *counted) Close() error {
	c.give()
	return c.Conn.Close()
}
