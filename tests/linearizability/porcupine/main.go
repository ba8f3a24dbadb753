// Porcupine as a second opinion for the fuzzer: reads histories, writes verdicts.
//
// Each line of standard input is {"model": NAME, "operations": [...]}, the operations as labtester
// writes them as JSON lines. Each answer is a line: "ok", "illegal" or "unknown". An operation
// with ret -1 took effect at some time since its call, and nobody knows its reply.
//
//	go mod tidy && go build -o porcupine-check
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	limit = 20 * time.Second
	line  = 1 << 24
)

type operation struct {
	Client int             `json:"c"`
	Op     string          `json:"op"`
	Value  json.RawMessage `json:"v"`
	From   json.RawMessage `json:"from"`
	Reply  json.RawMessage `json:"rv"`
	Err    string          `json:"err"`
	Call   int64           `json:"call"`
	Return int64           `json:"ret"`
}

type history struct {
	Model      string      `json:"model"`
	Operations []operation `json:"operations"`
}

// step gives the next state, and whether the operation is legal in this one.
type step func(state string, op operation) (bool, string)

var (
	steps = map[string]step{
		"register":     register,
		"cas-register": register,
		"kv-append":    text,
		"counter":      counter,
		"queue":        queue,
		"stack":        stack,
	}
	initial = map[string]string{"register": `""`, "cas-register": `""`, "counter": "0"}
)

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, line)
	for input.Scan() {
		fmt.Println(judge(input.Bytes()))
	}
	if err := input.Err(); err != nil {
		fail("cannot read: %v", err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "porcupine-check: "+format+"\n", values...)
	os.Exit(2)
}

func judge(line []byte) string {
	var found history
	if err := json.Unmarshal(line, &found); err != nil {
		fail("expected a history as JSON: %v", err)
	}
	next, known := steps[found.Model]
	if !known {
		fail("there is no model %q", found.Model)
	}
	operations := make([]porcupine.Operation, 0, len(found.Operations))
	for _, op := range found.Operations {
		ends := op.Return
		if op.open() {
			ends = math.MaxInt64
		}
		operations = append(operations, porcupine.Operation{
			ClientId: op.Client, Input: op, Call: op.Call, Output: nil, Return: ends,
		})
	}
	model := porcupine.Model{
		Init: func() any { return initial[found.Model] },
		Step: func(state, input, output any) (bool, any) {
			return next(state.(string), input.(operation))
		},
	}
	switch porcupine.CheckOperationsTimeout(model, operations, limit) {
	case porcupine.Ok:
		return "ok"
	case porcupine.Illegal:
		return "illegal"
	default:
		return "unknown"
	}
}

func (op operation) open() bool { return op.Return == -1 }

// gave tells whether the operation may have given this reply; nothing stands for a missing one.
func (op operation) gave(reply, nothing string) bool {
	told := string(op.Reply)
	if told == "" {
		told = nothing
	}
	return op.open() || told == reply
}

func register(state string, op operation) (bool, string) {
	switch op.Op {
	case "read":
		return op.gave(state, `""`), state
	case "write":
		return true, string(op.Value)
	default:
		fits := string(op.From) == state
		if !fits {
			return op.open() || op.Err == "ErrVersion", state
		}
		return op.open() || op.Err == "OK", string(op.Value)
	}
}

func text(state string, op operation) (bool, string) {
	switch op.Op {
	case "get":
		return op.open() || unquoted(op.Reply) == state, state
	case "put":
		return true, unquoted(op.Value)
	default:
		told := len(op.Reply) > 0
		return op.open() || !told || unquoted(op.Reply) == state, state + unquoted(op.Value)
	}
}

func unquoted(value json.RawMessage) string {
	if len(value) == 0 {
		return ""
	}
	var found string
	if err := json.Unmarshal(value, &found); err != nil {
		fail("expected a string, got %s", value)
	}
	return found
}

func counter(state string, op operation) (bool, string) {
	if op.Op == "read" {
		return op.gave(state, "0"), state
	}
	var now, by int
	if _, err := fmt.Sscan(state, &now); err != nil {
		fail("the counter holds %q", state)
	}
	if _, err := fmt.Sscan(string(op.Value), &by); err != nil {
		fail("expected a number, got %s", op.Value)
	}
	after := fmt.Sprint(now + by)
	return op.gave(after, after), after
}

// queue and stack hold the JSON of their values, each followed by a line break.
func queue(state string, op operation) (bool, string) {
	if op.Op == "enqueue" {
		return true, state + string(op.Value) + "\n"
	}
	first, rest, _ := strings.Cut(state, "\n")
	return took(op, first), rest
}

func stack(state string, op operation) (bool, string) {
	if op.Op == "push" {
		return true, state + string(op.Value) + "\n"
	}
	rest, last := "", strings.TrimSuffix(state, "\n")
	if cut := strings.LastIndex(last, "\n"); cut >= 0 {
		rest, last = last[:cut+1], last[cut+1:]
	}
	return took(op, last), rest
}

func took(op operation, value string) bool {
	if value == "" {
		value = "null"
	}
	return op.gave(value, "null")
}
