// SPDX-License-Identifier: Apache-2.0
//
// mimalloc takes malloc and free over, but aligned_alloc only where glibc's headers are (its check is for a macro of
// theirs). With musl libc++abi would then allocate exceptions with the C library's and free them with mimalloc's:
// the first exception ends the program. To go when mimalloc defines it for every C library.
#include <stddef.h>

void* mi_aligned_alloc(size_t alignment, size_t size);
void* aligned_alloc(size_t alignment, size_t size);

void* aligned_alloc(size_t alignment, size_t size) { return mi_aligned_alloc(alignment, size); }
