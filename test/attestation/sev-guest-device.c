/*
 * A stand-in for the kernel behind /dev/sev-guest and /dev/nsm, loaded before the C library: answers control calls from
 * files, with the structures of the kernel's own header. What it was asked is written back for the test to compare.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/sev-guest.h>

/* linux/nsm.h, which older systems do not ship. */
struct nsm_iovec {
  __u64 addr;
  __u64 len;
};
struct nsm_raw {
  struct nsm_iovec request;
  struct nsm_iovec response;
};
#define NSM_IOCTL_RAW _IOWR(0x0A, 0x0, struct nsm_raw)

static int redirected(const char *path) {
  return strcmp(path, "/dev/sev-guest") == 0 || strcmp(path, "/dev/nsm") == 0;
}

int open(const char *path, int flags, ...) {
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  va_list rest;
  va_start(rest, flags);
  int mode = va_arg(rest, int);
  va_end(rest);
  return real(redirected(path) ? "/dev/null" : path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
  va_list rest;
  va_start(rest, flags);
  int mode = va_arg(rest, int);
  va_end(rest);
  return real(redirected(path) ? "/dev/null" : path, flags, mode);
}

static size_t load(const char *variable, void *into, size_t most) {
  FILE *file = fopen(getenv(variable), "rb");
  if (file == NULL) return 0;
  size_t size = fread(into, 1, most, file);
  fclose(file);
  return size;
}

static void keep(const void *bytes, size_t size) {
  FILE *file = fopen(getenv("ASKED"), "wb");
  fwrite(bytes, 1, size, file);
  fclose(file);
}

int ioctl(int handle, unsigned long code, ...) {
  va_list rest;
  va_start(rest, code);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  if (code == SNP_GET_EXT_REPORT) {
    struct snp_guest_request_ioctl *call = argument;
    struct snp_ext_report_req *request = (void *)(unsigned long)call->req_data;
    struct snp_report_resp *response = (void *)(unsigned long)call->resp_data;
    if (call->msg_version != 1 || request->certs_len != 0x4000) {
      errno = EINVAL;
      return -1;
    }
    keep(&request->data, sizeof(request->data));
    load("RESPONSE", response->data, sizeof(response->data));
    load("CERTIFICATES", (void *)(unsigned long)request->certs_address, request->certs_len);
    return 0;
  }
  if (code == NSM_IOCTL_RAW) {
    struct nsm_raw *call = argument;
    keep((void *)(unsigned long)call->request.addr, call->request.len);
    call->response.len = load("RESPONSE", (void *)(unsigned long)call->response.addr, call->response.len);
    return 0;
  }
  int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
  return real(handle, code, argument);
}
