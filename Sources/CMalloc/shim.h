// Swift's Glibc module leaves out what is glibc's alone: mallopt and its parameters.
#include <malloc.h>
