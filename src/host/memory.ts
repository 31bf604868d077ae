import { libc } from './libc.ts'

const mallocTrim = libc.func('int malloc_trim(size_t pad)')

/**
 * Gives memory that was freed back to the kernel. glibc keeps it by itself: after a stream of large buffers that can be
 * a hundred megabytes. Takes a few milliseconds.
 */
export const releaseFreeMemory = (): void => void mallocTrim(0)
