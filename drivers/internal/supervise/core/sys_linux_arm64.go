package core

// sysSetns is missing from package syscall on this architecture.
const sysSetns = 268
