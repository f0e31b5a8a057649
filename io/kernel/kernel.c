/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "io/kernel/internal.h"
#include "rib/base/clock.h"
#include "rib/base/mem.h"

enum { EVENTS_MAX = 256, ACCEPTS_MAX = 64, SECURE_TTL = 255, DEAF_MS = 100 };

static struct kernel *kernel_of(const struct vrs_transport *t)
{
	return (struct kernel *)t;
}

/* --- endpoints -------------------------------------------------------------------------- */

static struct endpoint *find_endpoint(
	const struct kernel *k, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	for (struct endpoint *e = k->endpoints; e != NULL; e = e->next) {
		if (vrs_addr_equal(&e->ep.remote, remote) && vrs_addr_equal(&e->ep.local, local))
			return e;
	}
	return NULL;
}

/* The family's socket for an address and port; made if there is none. Under the lock. */
static int listening_get(
	struct family *f, const struct vrs_addr *local, uint16_t port, struct listening **out)
{
	for (struct listening *l = f->listening; l != NULL; l = l->next) {
		if (l->port == port && vrs_addr_equal(&l->local, local)) {
			l->n_listeners++;
			*out = l;
			return 0;
		}
	}
	struct listening *l = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	l->fd = vrs_kernel_sock_listen(local, port);
	if (l->fd < 0) {
		int rc = l->fd;

		vrs_mem_free(VRS_MEM_SESSION, l, sizeof(*l));
		return rc;
	}
	l->local = *local;
	l->port = port;
	l->n_listeners = 1;
	l->next = f->listening;
	f->listening = l;
	*out = l;
	return 0;
}

static void listening_put(struct family *f, struct listening *l)
{
	struct listening **at = &f->listening;

	if (--l->n_listeners > 0)
		return;
	while (*at != NULL && *at != l)
		at = &(*at)->next;
	if (*at != NULL)
		*at = l->next;
	(void)close(l->fd);
	vrs_mem_free(VRS_MEM_SESSION, l, sizeof(*l));
}

static int listener_get(
	struct kernel *k, const struct vrs_addr *local, uint16_t port, struct listener **out)
{
	for (struct listener *l = k->listeners; l != NULL; l = l->next) {
		if (l->port == port && vrs_addr_equal(&l->local, local)) {
			l->n_endpoints++;
			*out = l;
			return 0;
		}
	}
	struct listener *l = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	int rc = listening_get(k->family, local, port, &l->listening);
	if (rc < 0)
		goto out_free;
	l->fd = l->listening->fd;
	l->source = SOURCE_LISTENER;
	l->local = *local;
	l->port = port;
	l->n_endpoints = 1;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = l};
	if (epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, l->fd, &ev) != 0) {
		rc = -errno;
		goto out_listening;
	}
	l->next = k->listeners;
	k->listeners = l;
	*out = l;
	return 0;

out_listening:
	listening_put(k->family, l->listening);
out_free:
	vrs_mem_free(VRS_MEM_SESSION, l, sizeof(*l));
	return rc;
}

static void listener_put(struct kernel *k, struct listener *l)
{
	if (--l->n_endpoints > 0)
		return;
	for (struct listener **at = &k->listeners; *at != NULL; at = &(*at)->next) {
		if (*at == l) {
			*at = l->next;
			break;
		}
	}
	/* Others may go on listening. */
	(void)epoll_ctl(k->epoll_fd, EPOLL_CTL_DEL, l->fd, NULL);
	listening_put(k->family, l->listening);
	l->fd = -1;
	/* An event of this turn may still point here. */
	l->next = k->closed_listeners;
	k->closed_listeners = l;
}

static void free_closed_listeners(struct kernel *k)
{
	struct listener *l = k->closed_listeners, *next;

	k->closed_listeners = NULL;
	for (; l != NULL; l = next) {
		next = l->next;
		vrs_mem_free(VRS_MEM_SESSION, l, sizeof(*l));
	}
}

static int endpoint_add_locked(struct kernel *k, const struct vrs_endpoint *ep, void *user)
{
	if (find_endpoint(k, &ep->local, &ep->remote) != NULL)
		return -EEXIST;
	struct endpoint *e = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	int rc = listener_get(k, &ep->local, ep->local_port, &e->listener);
	if (rc != 0)
		goto out_free;
	if (ep->password[0] != '\0')
		rc = vrs_kernel_sock_md5(e->listener->fd, &ep->remote, ep->password);
	/* A peer that checks TTLs checks our SYN-ACK's too; the others do not mind 255. */
	if (rc == 0 && ep->ttl_security != 0)
		rc = vrs_kernel_sock_ttl(e->listener->fd, ep->local.afi, SECURE_TTL);
	if (rc != 0)
		goto out_listener;
	e->ep = *ep;
	e->user = user;
	e->next = k->endpoints;
	k->endpoints = e;
	return 0;

out_listener:
	listener_put(k, e->listener);
out_free:
	vrs_mem_free(VRS_MEM_SESSION, e, sizeof(*e));
	return rc;
}

static int endpoint_add(struct vrs_transport *t, const struct vrs_endpoint *ep, void *user)
{
	struct kernel *k = kernel_of(t);

	pthread_mutex_lock(&k->family->lock);
	int rc = endpoint_add_locked(k, ep, user);
	pthread_mutex_unlock(&k->family->lock);
	return rc;
}

/* Another member's endpoint for the same two addresses needs its key still: it came there before it
 * goes here. */
static void md5_of_others(
	struct kernel *k, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	const struct family *f = k->family;

	for (unsigned i = 0; i < f->n; i++) {
		const struct endpoint *e =
			f->members[i] != NULL ? find_endpoint(f->members[i], local, remote) : NULL;

		if (e != NULL && e->ep.password[0] != '\0')
			(void)vrs_kernel_sock_md5(e->listener->fd, remote, e->ep.password);
	}
}

static void endpoint_remove_locked(
	struct kernel *k, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	for (struct endpoint **at = &k->endpoints; *at != NULL; at = &(*at)->next) {
		struct endpoint *e = *at;

		if (!vrs_addr_equal(&e->ep.local, local) || !vrs_addr_equal(&e->ep.remote, remote))
			continue;
		*at = e->next;
		if (e->ep.password[0] != '\0') {
			(void)vrs_kernel_sock_md5(e->listener->fd, remote, "");
			md5_of_others(k, local, remote);
		}
		listener_put(k, e->listener);
		vrs_mem_free(VRS_MEM_SESSION, e, sizeof(*e));
		return;
	}
}

static void endpoint_remove(
	struct vrs_transport *t, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	struct kernel *k = kernel_of(t);

	pthread_mutex_lock(&k->family->lock);
	endpoint_remove_locked(k, local, remote);
	pthread_mutex_unlock(&k->family->lock);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- opening ---------------------------------------------------------------------------- */

static int connect_to(struct vrs_transport *t, const struct vrs_addr *local,
	const struct vrs_addr *remote, const struct vrs_conn_ops *ops, void *user,
	struct vrs_conn **out)
{
	struct kernel *k = kernel_of(t);
	const struct endpoint *e = find_endpoint(k, local, remote);

	if (e == NULL)
		return -ENOENT;
	int fd = vrs_kernel_sock_connect(&e->ep);
	if (fd < 0)
		return fd;
	struct vrs_conn *c = vrs_kernel_conn_new(k, fd, CONN_CONNECTING);
	if (c == NULL) {
		(void)close(fd);
		return -ENOMEM;
	}
	c->ops = ops;
	c->user = user;
	c->local = *local;
	c->remote = *remote;
	c->remote_port = e->ep.remote_port;
	kernel_count(&k->stat.connects, 1);
	*out = c;
	return 0;
}

/* Whether the peer has as many connections as it may have. */
static bool crowded(const struct kernel *k, const struct endpoint *e)
{
	unsigned n = 0;

	for (const struct vrs_conn *c = k->conns; c != NULL; c = c->next)
		n += c->state != CONN_DEAD && vrs_addr_equal(&c->remote, &e->ep.remote) &&
			vrs_addr_equal(&c->local, &e->ep.local);
	return n >= VRS_CONNS_PER_PEER;
}

static void admit(struct kernel *k, const struct endpoint *e, const struct handed *h)
{
	int fd = h->fd;

	if (crowded(k, e)) {
		kernel_count(&k->stat.refused_crowd, 1);
		goto out_close;
	}
	/* Without a setting the peer's security asked for there shall be no connection. */
	struct vrs_conn *c = vrs_kernel_sock_tune(fd, &e->ep) == 0
		? vrs_kernel_conn_new(k, fd, CONN_OPEN)
		: NULL;
	if (c == NULL) {
		kernel_count(&k->stat.refused_want, 1);
		goto out_close;
	}
	c->local = h->local;
	c->local_port = h->local_port;
	c->remote = h->remote;
	c->remote_port = h->remote_port;
	kernel_count(&k->stat.accepted, 1);
	bool taken = k->base.accept != NULL &&
		k->base.accept(k->base.accept_ctx, e->user, c, &c->ops, &c->user);
	if (!taken)
		kernel_count(&k->stat.refused_idle, 1);
	/* It may have said something and closed it already. */
	if (!taken && c->state == CONN_OPEN)
		vrs_kernel_conn_close(c, false);
	return;

out_close:
	(void)close(fd);
}

static void wake(struct vrs_transport *t);

/* Whether a sibling has as many connections of this peer to look at as the peer may have at all. */
static bool inbox_crowded(const struct kernel *k, const struct handed *h)
{
	unsigned n = 0;

	for (const struct handed *i = k->inbox; i != NULL; i = i->next)
		n += vrs_addr_equal(&i->remote, &h->remote) && vrs_addr_equal(&i->local, &h->local);
	return n >= VRS_CONNS_PER_PEER;
}

/* A peer of ours, or one of a sibling's, who gets it; strangers are closed. */
static void sort_out(struct kernel *k, const struct handed *h)
{
	const struct endpoint *e = find_endpoint(k, &h->local, &h->remote);

	if (e != NULL && e->listener->port == h->local_port) {
		admit(k, e, h);
		return;
	}
	struct family *f = k->family;
	_Atomic uint64_t *refused = &k->stat.refused_unknown;
	struct handed *copy = NULL;
	pthread_mutex_lock(&f->lock);
	for (unsigned i = 0; i < f->n; i++) {
		struct kernel *other = f->members[i];

		if (other == NULL || other == k)
			continue;
		e = find_endpoint(other, &h->local, &h->remote);
		if (e == NULL || e->listener->port != h->local_port)
			continue;
		bool crowd = inbox_crowded(other, h);
		refused = crowd ? &k->stat.refused_crowd : &k->stat.refused_want;
		copy = crowd ? NULL : vrs_mem_alloc(VRS_MEM_SESSION, sizeof(*copy));
		if (copy == NULL)
			break;
		*copy = *h;
		copy->next = other->inbox;
		other->inbox = copy;
		atomic_store(&other->has_inbox, true);
		wake(&other->base);
		break;
	}
	pthread_mutex_unlock(&f->lock);
	if (copy == NULL) {
		(void)close(h->fd);
		kernel_count(refused, 1);
	}
}

/* What siblings have accepted for us. */
static size_t take_handed(struct kernel *k)
{
	size_t n = 0;

	if (!atomic_load(&k->has_inbox))
		return 0;
	pthread_mutex_lock(&k->family->lock);
	struct handed *h = k->inbox, *next;
	k->inbox = NULL;
	atomic_store(&k->has_inbox, false);
	pthread_mutex_unlock(&k->family->lock);
	for (; h != NULL; h = next, n++) {
		const struct endpoint *e = find_endpoint(k, &h->local, &h->remote);

		next = h->next;
		if (e != NULL && e->listener->port == h->local_port) {
			admit(k, e, h);
		} else {
			/* It has been removed meanwhile. */
			(void)close(h->fd);
			kernel_count(&k->stat.refused_unknown, 1);
		}
		vrs_mem_free(VRS_MEM_SESSION, h, sizeof(*h));
	}
	return n;
}

/* Out of descriptors: the spare one lets us take the connection only to close it. @return
 * false: nobody waits, or somebody else has taken the spare one meanwhile. */
static bool refuse_one(struct kernel *k, const struct listener *l)
{
	struct vrs_addr remote;
	uint16_t port;

	if (k->reserve_fd < 0)
		return false;
	(void)close(k->reserve_fd);
	int fd = vrs_kernel_sock_accept(l->fd, &remote, &port);
	if (fd >= 0) {
		(void)close(fd);
		kernel_count(&k->stat.refused_want, 1);
	}
	k->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

/* A listener that cannot be served would be ready for ever and the loop spin: look away. */
static void set_deaf(struct kernel *k, bool deaf)
{
	if (deaf)
		k->deaf_until_ms = now_ms() + DEAF_MS;
	if (deaf == k->deaf)
		return;
	k->deaf = deaf;
	for (struct listener *l = k->listeners; l != NULL; l = l->next) {
		struct epoll_event ev = {.events = deaf ? 0 : EPOLLIN, .data.ptr = l};

		(void)epoll_ctl(k->epoll_fd, EPOLL_CTL_MOD, l->fd, &ev);
	}
}

static void listen_again(struct kernel *k)
{
	if (now_ms() < k->deaf_until_ms)
		return;
	if (k->reserve_fd < 0)
		k->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	set_deaf(k, k->reserve_fd < 0);
}

static size_t accept_some(struct kernel *k, const struct listener *l)
{
	size_t n = 0;

	for (; n < ACCEPTS_MAX; n++) {
		struct vrs_addr remote;
		uint16_t port;
		int fd = vrs_kernel_sock_accept(l->fd, &remote, &port);

		if (fd == -EMFILE || fd == -ENFILE) {
			if (refuse_one(k, l))
				continue;
			if (k->reserve_fd < 0)
				set_deaf(k, true);
			break;
		}
		if (fd == -ENOBUFS || fd == -ENOMEM) {
			set_deaf(k, true);
			break;
		}
		if (fd == -ECONNABORTED || fd == -EINTR)
			continue;
		if (fd < 0)
			break;
		sort_out(k,
			&(struct handed){.fd = fd,
				.local = l->local,
				.remote = remote,
				.local_port = l->port,
				.remote_port = port});
	}
	return n;
}

/* --- poll ------------------------------------------------------------------------------- */

/* Everything that was put off: writes, unconsumed bytes, the dead. What asks for attention
 * meanwhile has its turn at the next poll. */
static size_t attend_all(struct kernel *k)
{
	struct vrs_conn *c = k->attention, *next;
	size_t n = 0;

	if (c == NULL)
		return 0;
	uint64_t from = vrs_now_ns();
	k->attention = NULL;
	for (; c != NULL; c = next) {
		next = c->next_attention;
		c->in_attention = false;
		n += vrs_kernel_conn_attend(c);
	}
	/* Unconsumed bytes that were presented again count as well: that is seldom. */
	k->base.write_ns += vrs_now_ns() - from;
	return n;
}

static void expire_all(struct kernel *k)
{
	uint64_t now = now_ms();

	for (struct vrs_conn *c = k->conns; c != NULL; c = c->next)
		vrs_kernel_conn_expire(c, now);
}

static int wait_time(const struct kernel *k, size_t done, int timeout_ms)
{
	enum { EXPIRE_LOOK_MS = 50 };

	if (done > 0 || k->attention != NULL)
		return 0;
	if ((k->n_flushing > 0 || k->deaf) && (timeout_ms < 0 || timeout_ms > EXPIRE_LOOK_MS))
		return EXPIRE_LOOK_MS;
	return timeout_ms;
}

static int poll_events(struct vrs_transport *t, int timeout_ms)
{
	struct kernel *k = kernel_of(t);
	struct epoll_event events[EVENTS_MAX];
	size_t done = attend_all(k);

	free_closed_listeners(k);
	kernel_count(&k->stat.polls, 1);
	if (k->n_flushing > 0)
		expire_all(k);
	if (k->deaf)
		listen_again(k);
	int n = epoll_wait(k->epoll_fd, events, EVENTS_MAX, wait_time(k, done, timeout_ms));
	/* After a stop this is how it ends: what came meanwhile goes before any timer. */
	if (n < 0 && errno == EINTR)
		n = epoll_wait(k->epoll_fd, events, EVENTS_MAX, 0);
	if (k->base.woke != NULL)
		k->base.woke(k->base.woke_ctx);
	if (n < 0)
		return errno == EINTR ? (int)done : -errno;
	for (int i = 0; i < n; i++) {
		enum source *source = events[i].data.ptr;
		uint64_t count;

		if (*source == SOURCE_CONN)
			vrs_kernel_conn_event(events[i].data.ptr, events[i].events);
		else if (*source == SOURCE_LISTENER)
			(void)accept_some(k, events[i].data.ptr);
		else if (read(k->wake_fd, &count, sizeof(count)) < 0)
			continue; /* somebody else's wake was read already */
	}
	return (int)(done + take_handed(k)) + n;
}

static void wake(struct vrs_transport *t)
{
	static const uint64_t one = 1;
	int saved = errno;
	/* It fails only when it is set already. */
	ssize_t n = write(kernel_of(t)->wake_fd, &one, sizeof(one));

	(void)n;
	errno = saved;
}

static int poll_fd(const struct vrs_transport *t)
{
	return kernel_of(t)->epoll_fd;
}

/* --- the rest --------------------------------------------------------------------------- */

static void info(const struct vrs_conn *c, struct vrs_addr *local, uint16_t *local_port,
	struct vrs_addr *remote, uint16_t *remote_port)
{
	if (local != NULL)
		*local = c->local;
	if (local_port != NULL)
		*local_port = c->local_port;
	if (remote != NULL)
		*remote = c->remote;
	if (remote_port != NULL)
		*remote_port = c->remote_port;
}

static void stat(const struct vrs_transport *t, struct vrs_transport_stat *out)
{
	const struct kernel *k = kernel_of(t);

	/* relaxed: see kernel_count() */
	*out = (struct vrs_transport_stat){
		.accepted = atomic_load_explicit(&k->stat.accepted, memory_order_relaxed),
		.refused_unknown =
			atomic_load_explicit(&k->stat.refused_unknown, memory_order_relaxed),
		.refused_crowd = atomic_load_explicit(&k->stat.refused_crowd, memory_order_relaxed),
		.refused_idle = atomic_load_explicit(&k->stat.refused_idle, memory_order_relaxed),
		.refused_want = atomic_load_explicit(&k->stat.refused_want, memory_order_relaxed),
		.connects = atomic_load_explicit(&k->stat.connects, memory_order_relaxed),
		.rx_bytes = atomic_load_explicit(&k->stat.rx_bytes, memory_order_relaxed),
		.tx_bytes = atomic_load_explicit(&k->stat.tx_bytes, memory_order_relaxed),
		.polls = atomic_load_explicit(&k->stat.polls, memory_order_relaxed),
		.open = atomic_load_explicit(&k->stat.open, memory_order_relaxed),
	};
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

/* The last one takes the family along. */
static void family_leave(struct kernel *k)
{
	struct family *f = k->family;

	if (f == NULL)
		return;
	pthread_mutex_lock(&f->lock);
	for (unsigned i = 0; i < f->n; i++)
		if (f->members[i] == k)
			f->members[i] = NULL;
	unsigned left = --f->n_left;
	pthread_mutex_unlock(&f->lock);
	if (left > 0)
		return;
	pthread_mutex_destroy(&f->lock);
	vrs_mem_free(VRS_MEM_SESSION, f->members, f->n * sizeof(struct kernel *));
	vrs_mem_free(VRS_MEM_SESSION, f, sizeof(*f));
}

static void kernel_free(struct vrs_transport *t)
{
	struct kernel *k = kernel_of(t);

	while (k->conns != NULL)
		vrs_kernel_conn_free(k->conns);
	while (k->endpoints != NULL)
		endpoint_remove(t, &k->endpoints->ep.local, &k->endpoints->ep.remote);
	free_closed_listeners(k);
	(void)take_handed(k); /* Nobody's any more: closed. */
	family_leave(k);
	close_fd(k->epoll_fd);
	close_fd(k->wake_fd);
	close_fd(k->reserve_fd);
	vrs_mem_free(VRS_MEM_SESSION, k->buffer, LEFT_MAX + READ_SIZE);
	vrs_mem_free(VRS_MEM_SESSION, k, sizeof(*k));
}

static const struct vrs_transport_ops kernel_ops = {
	.endpoint_add = endpoint_add,
	.endpoint_remove = endpoint_remove,
	.connect = connect_to,
	.send = vrs_kernel_conn_send,
	.queued = vrs_kernel_conn_queued,
	.resume = vrs_kernel_conn_resume,
	.pause = vrs_kernel_conn_pause,
	.close = vrs_kernel_conn_close,
	.info = info,
	.poll = poll_events,
	.wake = wake,
	.fd = poll_fd,
	.stat = stat,
	.free = kernel_free,
};

static struct vrs_transport *kernel_new(void)
{
	struct kernel *k = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*k));

	if (k == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	k->base.ops = &kernel_ops;
	k->wake_source = SOURCE_WAKE;
	k->buffer = vrs_mem_alloc(VRS_MEM_SESSION, LEFT_MAX + READ_SIZE);
	k->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	k->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	k->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &k->wake_source};
	if (k->buffer == NULL || k->epoll_fd < 0 || k->wake_fd < 0 || k->reserve_fd < 0 ||
		epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, k->wake_fd, &ev) != 0) {
		int err = k->buffer == NULL ? ENOMEM : errno;

		kernel_free(&k->base);
		errno = err;
		return NULL;
	}
	return &k->base;
}

int vrs_kernel_transports_new(unsigned n, struct vrs_transport **out)
{
	struct family *f = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*f));
	int err = -ENOMEM;

	if (f == NULL)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	f->n = n;
	f->members = vrs_mem_zalloc(VRS_MEM_SESSION, n * sizeof(struct kernel *));
	for (f->n_left = 0; f->members != NULL && f->n_left < n; f->n_left++) {
		struct vrs_transport *t = kernel_new();

		if (t == NULL) {
			err = -errno;
			break;
		}
		f->members[f->n_left] = kernel_of(t);
		f->members[f->n_left]->family = f;
		out[f->n_left] = t;
	}
	if (f->n_left == n)
		return 0;
	unsigned made = f->n_left++; /* One more: the last of them does not take it along. */
	for (unsigned i = 0; i < made; i++)
		kernel_free(out[i]);
	pthread_mutex_destroy(&f->lock);
	vrs_mem_free(VRS_MEM_SESSION, f->members, n * sizeof(struct kernel *));
	vrs_mem_free(VRS_MEM_SESSION, f, sizeof(*f));
	return err;
}

struct vrs_transport *vrs_kernel_transport_new(void)
{
	struct vrs_transport *t = NULL;
	int err = vrs_kernel_transports_new(1, &t);

	if (err == 0)
		return t;
	errno = -err;
	return NULL;
}
