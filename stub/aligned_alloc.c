// SPDX-License-Identifier: Apache-2.0
//
// mimalloc replaces malloc and free, but aligned_alloc only with glibc's headers (it checks for one of their macros).
// With musl, libc++abi would then allocate exceptions with the C library and free them with mimalloc: the first
// exception would crash the program. Remove this once mimalloc defines aligned_alloc for every C library.
#include <stddef.h>

void* mi_aligned_alloc(size_t alignment, size_t size);
void* aligned_alloc(size_t alignment, size_t size);

void* aligned_alloc(size_t alignment, size_t size) { return mi_aligned_alloc(alignment, size); }
