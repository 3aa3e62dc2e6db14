/* The reference of tests/bench/motion.py: twist angle, repetition counter and repetition statistics of processors/kernels in plain C.
   The same logic as twist.py, angle_reps.py and turns.py, so that the same repetitions come out. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define RING 6
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

typedef struct {
    double extreme, base, low, high, big, first_range, smin, smax, speak, amin, amax, apeak, wmin, wmax, wpeak, levels[RING];
    int64_t direction, swings, closed, t_extreme, t_left, samples, t_last, start, hold_from, hold_to, sflags, aflags, wflags, at;
    int64_t times[RING];
    double smooth, mean, spread, noise, before, before2, angle;
    int64_t marked;
} State;

static int64_t entered(const State *s, double share) {
    double reach = fabs(s->extreme - s->base);
    int64_t best = s->t_extreme;
    for (int k = 0; k < RING; k++)
        if (s->levels[k] >= (1.0 - share) * reach && s->times[k] < best) best = s->times[k];
    return best;
}

static void reach(State *s, int64_t t, double x) {
    s->extreme = x, s->t_extreme = t, s->t_left = t;
    s->smin = MIN(s->smin, s->amin), s->smax = MAX(s->smax, s->amax), s->speak = MAX(s->speak, s->apeak), s->sflags |= s->aflags;
    s->amin = INFINITY, s->amax = -INFINITY, s->apeak = 0, s->aflags = 0;
    double size = fabs(x - s->base);
    if (size * 0.975 >= s->levels[s->at]) s->at = (s->at + 1) % RING, s->levels[s->at] = size, s->times[s->at] = t;
}

static void begin(State *s, int64_t t, double x, double base, int direction) {
    s->direction = direction, s->base = base;
    for (int k = 0; k < RING; k++) s->levels[k] = 0, s->times[k] = t;
    s->smin = INFINITY, s->smax = -INFINITY, s->speak = 0, s->sflags = 0;
    reach(s, t, x);
}

static void emit(State *s, int64_t end, int64_t *times, double *values) {
    times[0] = s->start, times[1] = MAX(end, s->start), times[2] = s->hold_to - s->hold_from, times[3] = s->wflags | s->sflags;
    values[0] = MIN(s->wmin, s->smin), values[1] = MAX(s->wmax, s->smax), values[2] = MAX(s->wpeak, s->speak);
    s->closed = 1;
}

static int turn(State *s, int64_t t, double x, double h, double shown, double peak, double dt, int64_t *times, double *values) {
    if (s->samples == 0) s->low = s->high = x, s->start = t;
    s->samples++, s->t_last = t;
    s->amin = MIN(s->amin, shown), s->amax = MAX(s->amax, shown), s->apeak = MAX(s->apeak, peak), s->aflags |= s->marked;
    if (s->direction == 0) {
        double forget = MIN(1.0, dt / 3.0);
        s->low = MIN(x, s->low + forget * (x - s->low)), s->high = MAX(x, s->high + forget * (x - s->high));
        if (x - s->low <= 0.25 * h && s->high - x <= 0.25 * h)
            s->start = t, s->amin = MIN(s->low, shown), s->amax = MAX(s->high, shown), s->apeak = peak, s->aflags = s->marked;
        else if (x - s->low > h) begin(s, t, x, s->low, 1);
        else if (s->high - x > h) begin(s, t, x, s->high, -1);
        return 0;
    }
    double back = (s->extreme - x) * s->direction;
    if (back < 0) { reach(s, t, x); return 0; }
    double size = fabs(s->extreme - s->base);
    int coming_back = s->swings % 2 == 1;
    if (back > h) {
        int found = 0;
        s->big = s->swings == 0 ? size : s->big + 0.3 * (size - s->big);
        if (coming_back) {
            int64_t end = entered(s, 0.05), start = s->t_left;
            if (s->t_left - end < 0.2 * (s->t_extreme - s->start)) end = start = s->t_extreme;
            if (!s->closed) emit(s, end, times, values), found = 1;
            s->start = start;
        } else {
            s->wmin = s->smin, s->wmax = s->smax, s->wpeak = s->speak, s->wflags = s->sflags;
            s->first_range = size, s->hold_from = entered(s, 0.10), s->hold_to = s->t_left, s->closed = 0;
        }
        s->swings++;
        begin(s, t, x, s->extreme, -s->direction);
        return found;
    }
    double band = coming_back ? 0.05 : 0.10;
    if (back <= MAX(band * size, 0.25 * h)) s->t_left = t;
    if (coming_back && !s->closed && t - s->t_extreme > 1500000000 && size >= 0.6 * s->first_range) {
        emit(s, entered(s, 0.05), times, values);
        return 1;
    }
    return 0;
}

int64_t run(const float *q, int64_t n, const double *axis, int64_t anchor, double period, int64_t *times, double *values) {
    State s;
    memset(&s, 0, sizeof s);
    s.amin = INFINITY, s.amax = -INFINITY;
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++, q += 8) {
        double w1 = q[0], x1 = -q[1], y1 = -q[2], z1 = -q[3], w2 = q[4], x2 = q[5], y2 = q[6], z2 = q[7];
        double w = w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2, x = w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2;
        double y = w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2, z = w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2;
        double norm = sqrt(w * w + x * x + y * y + z * z);
        if (!(norm >= 0.5 && norm <= 2.0)) { s.marked |= 2; continue; }
        if (w < 0) w = -w, x = -x, y = -y, z = -z;
        double a = 2.0 * atan2(x * axis[0] + y * axis[1] + z * axis[2], w) * (180.0 / M_PI);
        a -= 360.0 * ceil((a - s.angle) / 360.0 - 0.5);
        s.angle = a, a = (float)a;
        int64_t t = anchor + (int64_t)(i * period);
        double dt = 0;
        if (s.samples == 0) s.smooth = s.mean = s.before = s.before2 = a;
        else dt = MAX(t - s.t_last, 0) * 1e-9;
        if (dt > 0.25 && dt > 4e-9 * period) s.marked |= 1;
        double old = s.smooth, smooth = old + dt / (0.05 + dt) * (a - old);
        s.smooth = smooth;
        double peak = dt > 0 && dt <= 0.25 ? fabs(smooth - old) / dt : 0;
        double gain = MAX(dt / (3.0 + dt), 1.0 / (s.samples + 1));
        s.mean += gain * (smooth - s.mean);
        double away = smooth - s.mean;
        s.spread += gain * (away * away - s.spread);
        double bend = fabs(a - 2.0 * s.before + s.before2);
        s.noise += MAX(dt / (2.0 + dt), 1.0 / (s.samples + 1)) * (bend - s.noise);
        double shown = MAX(MIN(s.before, s.before2), MIN(MAX(s.before, s.before2), a));
        s.before2 = s.before, s.before = a;
        double h = MAX(MAX(3.5, 0.65 * sqrt(s.spread)), MAX(0.25 * s.big, MIN(1.8 * s.noise, 10.0)));
        found += turn(&s, t, smooth, h, shown, peak, dt, times + 4 * found, values + 3 * found);
        s.marked = 0;
    }
    return found;
}
