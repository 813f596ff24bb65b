"""Known-answer vectors by python-paillier's formulas (phe/paillier.py, 1.5.0: raw_encrypt, raw_decrypt, _raw_add,
_raw_mul, invert, h_function, l_function, crt), with Python integers in place of gmpy2. Run: python3 make.py > raw.json"""
import json, random

random.seed(20261122)

def is_prime(n):
    if n % 2 == 0: return False
    d, s = n - 1, 0
    while d % 2 == 0: d //= 2; s += 1
    for _ in range(40):
        x = pow(random.randrange(2, n - 1), d, n)
        if x in (1, n - 1): continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1: break
        else: return False
    return True

def prime(bits):
    while True:
        p = random.getrandbits(bits) | (3 << (bits - 2)) | 1
        if is_prime(p): return p

def l_function(x, p): return (x - 1) // p

cases = []
for bits in (2048, 3072):
    p, q = sorted((prime(bits // 2), prime(bits // 2)))
    n = p * q
    nsquare = n * n
    g = n + 1
    hp = pow(l_function(pow(g, p - 1, p * p), p), -1, p)
    hq = pow(l_function(pow(g, q - 1, q * q), q), -1, q)
    p_inverse = pow(p, -1, q)
    def encrypt(m, r):                      # PaillierPublicKey.raw_encrypt
        if n - n // 3 <= m < n:             # Very large plaintext, take a sneaky shortcut using inverses
            nude = pow((n * (n - m) + 1) % nsquare, -1, nsquare)
        else:
            nude = (n * m + 1) % nsquare
        return nude * pow(r, n, nsquare) % nsquare
    def decrypt(c):                         # PaillierPrivateKey.raw_decrypt
        mp = l_function(pow(c, p - 1, p * p), p) * hp % p
        mq = l_function(pow(c, q - 1, q * q), q) * hq % q
        u = (mq - mp) * p_inverse % q
        return mp + u * p
    rows = []
    for m in (0, 1, 42, n - 1, n - 5, n // 2, random.randrange(n)):
        r = random.randrange(1, n)
        c = encrypt(m, r)
        assert decrypt(c) == m
        rows.append(dict(m=hex(m), r=hex(r), c=hex(c)))
    a, b = int(rows[2]['c'], 16), int(rows[6]['c'], 16)
    cases.append(dict(bits=bits, p=hex(p), q=hex(q), n=hex(n), encryptions=rows,
        add=dict(a=2, b=6, c=hex(a * b % nsquare)),
        multiply=[dict(a=6, by=by, c=hex(pow(a if False else b, by, nsquare) if by >= 0 else pow(pow(b, -1, nsquare), -by, nsquare))) for by in (3, -7)]))
print(json.dumps(cases, indent=1))
