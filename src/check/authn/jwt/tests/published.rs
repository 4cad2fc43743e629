//! Published examples.

use serde_json::json;

use crate::check::authn::jwt::{ClaimFault, FormFault, TokenFault, verify};

use super::{at, rule, set};

/// RFC 7515, appendices A.1, A.2, A.3 and A.5; RFC 8037, appendix A.4. Their claims have no audience, so that verified
/// signatures lead to that fault.
#[test]
fn published_examples_are_verified() {
    let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let secret = json!([{
        "kty": "oct",
        "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    }]);
    let rsa = json!([{
        "kty": "RSA", "e": "AQAB",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    }]);
    let curve = json!([{
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }]);
    let edwards =
        json!([{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }]);
    let no_audience = TokenFault::Claims(ClaimFault::Type {
        claim: "aud".to_owned(),
        expected: "a string or a list of strings",
    });
    let cases = [
        (
            "A.1",
            &secret,
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{claims}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            no_audience.clone(),
        ),
        (
            "A.2",
            &rsa,
            format!("eyJhbGciOiJSUzI1NiJ9.{claims}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"),
            no_audience.clone(),
        ),
        (
            "A.3",
            &curve,
            format!("eyJhbGciOiJFUzI1NiJ9.{claims}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
            no_audience,
        ),
        ("A.5", &secret, format!("eyJhbGciOiJub25lIn0.{claims}."), TokenFault::Form(FormFault::Algorithm)),
        (
            "RFC 8037",
            &edwards,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg".to_owned(),
            TokenFault::Claims(ClaimFault::Object),
        ),
    ];
    for (name, keys, token, expected) in cases {
        let fault = verify(&token, &set(keys), &rule(""), at(1_300_819_300)).expect_err(name);
        assert_eq!(fault, expected, "{name}");
        if !token.ends_with('.') {
            let (signed, signature) = token.rsplit_once('.').expect("a signature");
            let altered = if signature.starts_with('d') { "e" } else { "d" };
            let token = format!("{signed}.{altered}{}", &signature[1..]);
            let fault = verify(&token, &set(keys), &rule(""), at(1_300_819_300)).expect_err(name);
            assert_eq!(fault, TokenFault::Signature, "{name}");
        }
    }
}
