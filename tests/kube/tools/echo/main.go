// SPDX-License-Identifier: Apache-2.0

// Command echo is a web server that says which pod answered, whom, and with which greeting: that of the environment
// variable GREETING, else that of the file /greeting of its image, else "hello".
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
)

func greeting() string {
	if text := os.Getenv("GREETING"); text != "" {
		return text
	}
	if text, err := os.ReadFile("/greeting"); err == nil {
		return strings.TrimSpace(string(text))
	}
	return "hello"
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--print" {
		fmt.Println(greeting())
		return
	}
	host, _ := os.Hostname()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from %s (%s) to %s: %s\n", host, runtime.GOARCH, r.RemoteAddr, greeting())
	})
	address := os.Getenv("LISTEN")
	if address == "" {
		address = ":8080"
	}
	if err := http.ListenAndServe(address, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
